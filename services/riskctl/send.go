package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var sendCommand = &command{
	name: "send", args: "[FILE...]", short: "send events from JSON lines to riskd, over NATS, Kafka or HTTP",
	long: `
Reads events as riskctl score does, from the files or stdin, and puts them on riskd's input. Each event is
known by source and id: sending the same file again changes nothing, so an interrupted run is simply
repeated, or continued with -from. The counts at the end say what became of the lines:

  accepted  riskd has stored it          duplicate  riskd had it already
  invalid   no event, not sent           failed     not known to be stored; send it again

Each user's events are stored in the order of the lines: over NATS one after the other, those of up to 512 users at the same time.

  riskctl send events.jsonl
  riskctl simulate -days 2 | riskctl send -rate 500
  riskctl send -broker kafka://127.0.0.1:9092 events.jsonl
  riskctl send -gateway http://127.0.0.1:8480 -key-file .riskd/gateway.key events.jsonl`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var s sending
		bindData(fs, &s.data)
		bindBroker(fs, &s.broker)
		fs.StringVar(&s.gateway, "gateway", "", "send over HTTP to this gateway `URL` instead of NATS")
		fs.StringVar(&s.keyFile, "key-file", "", "`file` with the gateway's API key; empty: gateway.key in the data folder")
		fs.IntVar(&s.from, "from", 1, "skip the `lines` before this one")
		fs.IntVar(&s.rate, "rate", 0, "events per second; 0: as fast as riskd takes them")
		fs.BoolVar(&s.strict, "strict", false, "stop at the first line that is no event")
		return s.run
	},
}

type sending struct {
	data, gateway, keyFile string
	broker                 brokerFlags
	from, rate             int
	strict                 bool

	err   io.Writer
	begin time.Time
	// handed is how many events went to the lanes.
	handed int
	sent
}

// target is where events go. It returns one result per event.
type target interface {
	put(ctx context.Context, evs []*riskdv1.Event) []outcome
	spread() spread
	close()
}

type outcome struct {
	duplicate bool
	invalid   string // why the other side refused it for good
	err       error
}

func (s *sending) run(ctx context.Context, std streams, files []string) error {
	if s.rate < 0 || s.from < 1 {
		return usageError("-rate must not be negative, -from at least 1")
	}
	to, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer to.close()
	s.err, s.begin = std.err, time.Now()
	if len(files) == 0 {
		files = []string{"-"}
	}
	lanes := s.startLanes(ctx, to)
	for _, name := range files {
		if err = s.file(ctx, std.in, name, lanes); err != nil {
			break
		}
	}
	lanes.finish()
	stored := s.accepted + s.duplicate
	took := time.Since(s.begin).Seconds()
	fmt.Fprintf(std.out, "accepted=%d duplicate=%d invalid=%d failed=%d seconds=%.2f rate=%.0f\n", s.accepted, s.duplicate, s.invalid, s.failed, took, float64(stored)/max(took, 0.001))
	if err == nil && s.failed > 0 {
		err = fmt.Errorf("%d events are not known to be stored; send them again, with -from %d", s.failed, s.firstFailed)
	}
	return err
}

func (s *sending) open(ctx context.Context) (target, error) {
	if s.gateway != "" {
		return s.openHTTP()
	}
	return openBroker(ctx, s.broker)
}

func (s *sending) file(ctx context.Context, in io.Reader, name string, to *lanes) error {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	chunks := make(chan chunk, chunksAhead)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go readChunks(ctx, in, chunks)
	for c := range chunks {
		for _, l := range c.lines {
			switch {
			case l.number < s.from:
			case l.err == nil:
				if err := s.pace(ctx); err != nil {
					return err
				}
				to.hand(l)
			default:
				s.refused(l.number, l.err.Error())
				if s.strict {
					return &exit{exitInput, fmt.Errorf("line %d: %w", l.number, l.err)}
				}
			}
		}
		if c.err != nil {
			return fmt.Errorf("reading events: %w", c.err)
		}
	}
	return ctx.Err()
}

// pace waits until the rate allows one event more.
func (s *sending) pace(ctx context.Context) error {
	n := s.handed
	s.handed++
	if s.rate == 0 || n%max(1, s.rate/20) > 0 {
		return nil
	}
	select {
	case <-time.After(time.Until(s.begin.Add(time.Duration(n) * time.Second / time.Duration(s.rate)))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// overBroker publishes to the input and waits for the broker's acknowledgement.
type overBroker struct {
	pub  broker.Publisher
	over spread
	done func()
}

// putWait bounds how long one batch may wait for the broker.
const putWait = 20 * time.Second

func openBroker(ctx context.Context, n brokerFlags) (target, error) {
	in, err := n.open(ctx, "send")
	if err != nil {
		return nil, err
	}
	pub, err := in.publisher()
	if err != nil {
		in.close()
		return nil, err
	}
	over := byMessage
	if n.onKafka() {
		over = byRequest // its client makes requests of what is handed over together
	}
	return &overBroker{pub, over, in.close}, nil
}

func (o *overBroker) put(ctx context.Context, evs []*riskdv1.Event) []outcome {
	ctx, cancel := context.WithTimeout(ctx, putWait)
	defer cancel()
	out := make([]outcome, len(evs))
	for i, r := range o.pub.PublishBatch(ctx, evs) {
		out[i] = outcome{duplicate: r.Duplicate, err: r.Err}
		if errors.Is(r.Err, broker.ErrTooLarge) {
			out[i] = outcome{invalid: r.Err.Error()}
		}
	}
	return out
}

func (o *overBroker) spread() spread { return o.over }

func (o *overBroker) close() { o.done() }
