package brokertest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// whatIsNotDoneWithStays reads some MB, and says what it is done with one batch later.
func whatIsNotDoneWithStays(t *testing.T, open Open) {
	const events, batch = 3000, 200
	b, _ := opened(t, open(t, 1))
	var evs []*riskdv1.Event
	for n := range events {
		ev := event("u", n)
		ev.Attributes = map[string]string{}
		for i := range 4 {
			ev.Attributes["text"+strconv.Itoa(i)] = strings.Repeat(strconv.Itoa(n%10), 250)
		}
		evs = append(evs, ev)
	}
	for i, r := range b.Publisher().PublishBatch(t.Context(), evs) {
		if r.Err != nil {
			t.Fatalf("event %d: %v", i, r.Err)
		}
	}
	r, err := b.Log(0).Input(1, batch, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	checked := 0
	check := func(msgs []broker.Message) {
		for i := range msgs {
			got, want := new(riskdv1.Event), evs[checked]
			if err := wire.DecodeInto(msgs[i].Envelope, msgs[i].Data, got); err != nil {
				t.Fatalf("event %d: %v", checked, err)
			}
			if got.Id != want.Id || got.Attributes["text3"] != want.Attributes["text3"] {
				t.Fatalf("got event %s, want %s", got.Id, want.Id)
			}
			checked++
		}
		if len(msgs) > 0 {
			r.Done(msgs[len(msgs)-1].Seq)
		}
	}
	var before []broker.Message
	for taken := 0; taken < events; {
		msgs, err := r.Take(ctx, nil, batch, 1<<20)
		if err != nil {
			t.Fatalf("after %d events: %v", taken, err)
		}
		check(before)
		before, taken = msgs, taken+len(msgs)
	}
	check(before)
}
