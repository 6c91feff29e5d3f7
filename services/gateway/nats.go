package gateway

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// OverNATS fills the broker's part of deps.
func OverNATS(ctx context.Context, deps Deps, js jetstream.JetStream, partitions int) (Deps, error) {
	pub, err := natsjs.NewPublisher(js.Conn(), partitions, natsjs.DefaultPublisherConfig())
	if err != nil {
		return deps, err
	}
	flags, err := natsjs.OpenFlags(ctx, js)
	if err != nil {
		return deps, err
	}
	deps.Publisher, deps.Sessions, deps.Signals = natsPublisher{pub}, natsSessions{flags}, natsSignals{js}
	deps.Notices = natsjs.NewBroker(js)
	return deps, nil
}

type natsPublisher struct{ pub *natsjs.Publisher }

func (p natsPublisher) Publish(ctx context.Context, evs []*riskdv1.Event) []Published {
	out := make([]Published, len(evs))
	if len(evs) == 1 {
		out[0].Duplicate, out[0].Err = p.pub.Publish(ctx, evs[0])
		return out
	}
	for i, r := range p.pub.PublishBatch(ctx, evs) {
		out[i] = Published(r)
	}
	return out
}

type natsSessions struct{ flags *natsjs.Flags }

func (s natsSessions) State(ctx context.Context, tenant, session string) (*riskdv1.Signal, error) {
	flag, ok, err := s.flags.Get(ctx, tenant, session)
	if err != nil || !ok {
		return nil, err
	}
	return flag.Signal, nil
}

type natsSignals struct{ js jetstream.JetStream }

func (s natsSignals) Last(ctx context.Context) (uint64, error) {
	last, _, err := natsjs.LastSeq(ctx, s.js, subject.SignalsStream)
	return last, err
}

func (s natsSignals) Open(from uint64) (SignalReader, error) {
	// Small windows: a reader that does not keep up must not fill this process.
	tail, err := natsjs.OpenTail(s.js, subject.SignalsStream, from, natsjs.TailConfig{Messages: 256, Bytes: 256 << 10})
	if err != nil {
		return nil, fmt.Errorf("opening signals: %w", err)
	}
	return &natsReader{tail: tail}, nil
}

type natsReader struct {
	tail *natsjs.Tail
	msgs []natsjs.Message
}

func (r *natsReader) Close() { r.tail.Close() }

// Take decodes what came. A signal that cannot be read keeps its position and has no content.
func (r *natsReader) Take(ctx context.Context, dst []Positioned) ([]Positioned, error) {
	var err error
	r.msgs, err = r.tail.Take(ctx, r.msgs[:0], 64, 64<<10)
	for i := range r.msgs {
		p := Positioned{Position: r.msgs[i].Seq}
		sig := new(riskdv1.Signal)
		if sig.UnmarshalVT(r.msgs[i].Data) == nil {
			p.Signal = sig
		}
		dst = append(dst, p)
	}
	clear(r.msgs)
	return dst, err
}
