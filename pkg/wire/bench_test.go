package wire_test

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func BenchmarkDecodeInto(b *testing.B) {
	for name, in := range map[string][]byte{
		"protobuf":   marshal(b, func(*riskdv1.Event) {}),
		"structured": structured(contractData),
	} {
		b.Run(name, func(b *testing.B) {
			var ev riskdv1.Event
			b.ReportAllocs()
			for b.Loop() {
				if err := wire.DecodeInto(wire.Envelope{}, in, &ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	in := structured(contractData)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeJSON(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsed(b *testing.B) {
	data := marshal(b, func(*riskdv1.Event) {})
	env := wire.Envelope{ContentType: wire.MediaProtobuf}
	b.Run("decode", func(b *testing.B) {
		p := wire.Parsed{Event: new(riskdv1.Event)}
		b.ReportAllocs()
		for b.Loop() {
			if err := p.Decode(env, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("event", func(b *testing.B) {
		p := wire.Parsed{Event: new(riskdv1.Event)}
		if err := p.Decode(env, data); err != nil {
			b.Fatal(err)
		}
		var ev event.Event
		b.ReportAllocs()
		for b.Loop() {
			if err := p.ToEvent(nil, &ev); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkToEvent(b *testing.B) {
	pb, en := contractEvent(), &riskdv1.Enrichment{Asn: 1}
	var out event.Event
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.ToEvent(pb, en, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	var d riskdv1.Decision
	wire.FromDecision(sampleDecision(), &d)
	ev := contractEvent()
	var buf []byte
	b.Run("decision", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = wire.AppendDecisionJSON(buf[:0], &d)
		}
	})
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = wire.AppendEventJSON(buf[:0], ev)
		}
	})
}
