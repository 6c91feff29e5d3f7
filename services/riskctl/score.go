package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var scoreCommand = &command{
	name: "score", args: "[FILE...]", short: "events as JSON lines in, decisions as JSON lines out, offline",
	long: `
The same engine that runs in riskd, without broker and database. Events are read from the files, or from
stdin, one JSON object per line: CloudEvents structured form, or flat with id, source, type and time
beside the fields of data. Besides these, tenant_id, user.id, action and outcome are required; all
else may be missing, and what the engine would have used is named in "unknown". A line may also be a
JSON array of events. Order matters: each user's history grows from one line to the next.

Each event gives one line on stdout, in input order:
  a decision:   {"event_id":..,"risk":82.4,"level":"high","action":"step_up","scores":{..},"parts":[..],..}
  a repeat:     {"event_id":..,"time":..,"status":"duplicate"}      (same source and id as before)
  a latecomer:  {"event_id":..,"time":..,"status":"late"}           (beyond the policy's lateness bound)
Lines that are no event give none: they are reported on stderr with their number, and counted.

There is no arrival time here, so no event is refused for coming from the future. Blank lines, CRLF and a
byte order mark are fine. Values that the event brings along (network.geo, asn, kind) win over look-ups.

  riskctl simulate | riskctl score | jq -c 'select(.action != "allow")'
  riskctl score -no-geo -policy strict.yaml < events.jsonl > decisions.jsonl

Exit code 0 also when lines were bad; 3 with -strict, which stops at the first one.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var s scoring
		s.geo.bind(fs)
		s.by.bind(fs)
		fs.BoolVar(&s.noGeo, "no-geo", false, "do not look places up")
		fs.BoolVar(&s.strict, "strict", false, "stop at the first line that is no event")
		fs.BoolVar(&s.quiet, "quiet", false, "no summary at the end")
		return s.run
	},
}

// scoring is one run of riskctl score.
type scoring struct {
	geo                  geoFlags
	by                   engineFlags
	noGeo, strict, quiet bool

	engine *offline
	out    *bufio.Writer
	err    io.Writer
	wire   riskdv1.Decision
	line   []byte

	scored, duplicate, late, refused, bad int
}

func (s *scoring) run(ctx context.Context, std streams, files []string) error {
	if s.noGeo {
		s.geo.city, s.geo.asn = "", ""
	} else if err := s.geo.settle(); err != nil {
		return err
	}
	engine, err := openOffline(&s.by, s.geo.city, s.geo.asn)
	if err != nil {
		return err
	}
	if !s.noGeo && !s.quiet && (s.geo.city == "" || s.geo.asn == "") {
		fmt.Fprintf(std.err, "riskctl score: note: no City or no ASN data in %s, so places or networks that events do not bring along are unknown (-geo-city, -geo-asn; -no-geo says it is meant)\n", s.geo.data)
	}
	s.engine, s.out, s.err = engine, bufio.NewWriterSize(std.out, 256<<10), std.err
	begin := time.Now()
	err = s.all(ctx, std.in, files)
	if flushErr := s.out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("writing decisions: %w", flushErr)
	}
	if !s.quiet {
		took := time.Since(begin)
		fmt.Fprintf(std.err, "riskctl score: scored=%d duplicate=%d late=%d dead_letter=%d bad=%d users=%d seconds=%.2f\n",
			s.scored, s.duplicate, s.late, s.refused, s.bad, len(s.engine.users), took.Seconds())
	}
	return err
}

func (s *scoring) all(ctx context.Context, in io.Reader, files []string) error {
	if len(files) == 0 {
		return s.stream(ctx, in, "")
	}
	for _, name := range files {
		if name == "-" {
			if err := s.stream(ctx, in, ""); err != nil {
				return err
			}
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		label := name
		if len(files) == 1 {
			label = ""
		}
		err = s.stream(ctx, f, label)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// stream scores one input: one goroutine reads and decodes a little ahead, this one scores and writes.
func (s *scoring) stream(ctx context.Context, in io.Reader, name string) error {
	ctx, stop := context.WithCancel(ctx)
	chunks := make(chan chunk, chunksAhead)
	done := make(chan struct{})
	go func() {
		defer close(done)
		readChunks(ctx, in, chunks)
	}()
	err := s.consume(chunks, name)
	if cause := ctx.Err(); err == nil && cause != nil {
		err = cause
	}
	stop()
	if err == nil {
		<-done // else it may hang in a read that nobody will ever answer
	}
	return err
}

func (s *scoring) consume(chunks <-chan chunk, name string) error {
	for c := range chunks {
		for i := range c.lines {
			if err := s.take(&c.lines[i], name); err != nil {
				return err
			}
		}
		if c.err != nil {
			return fmt.Errorf("reading events: %w", c.err)
		}
		// A person, or a program that waits for each answer, wants to see what is there.
		if len(chunks) == 0 {
			if err := s.out.Flush(); err != nil {
				return fmt.Errorf("writing decisions: %w", err)
			}
		}
	}
	return nil
}

// take scores one line's event and writes its line.
func (s *scoring) take(l *decoded, name string) error {
	if l.err == nil {
		var d *decision.Decision
		if d, l.err = s.engine.score(l.ev); l.err == nil {
			return s.write(l.ev, d)
		}
	}
	s.bad++
	where := fmt.Sprintf("line %d", l.number)
	if name != "" {
		where = name + ": " + where
	}
	if s.strict {
		return &exit{exitInput, fmt.Errorf("%s: %w", where, l.err)}
	}
	fmt.Fprintf(s.err, "riskctl score: %s: %v\n", where, l.err)
	return nil
}

// notScored is the line of an event that got no decision.
type notScored struct {
	EventID string `json:"event_id"`
	Tenant  string `json:"tenant_id"`
	User    string `json:"user_id"`
	Session string `json:"session_id"`
	Time    string `json:"time"`
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
}

func (s *scoring) write(ev *riskdv1.Event, d *decision.Decision) error {
	s.line = s.line[:0]
	if d.Status == decision.Scored {
		s.scored++
		wire.FromDecision(d, &s.wire)
		s.line = wire.AppendDecisionJSON(s.line, &s.wire)
	} else {
		n := notScored{
			EventID: ev.Id, Tenant: ev.TenantId, User: ev.User.Id, Session: orNone(ev.Session.GetId(), "u:"+ev.User.Id),
			Time: string(wire.AppendTime(nil, ev.TimeMs)), Status: "dead_letter", Reason: d.Reason,
		}
		switch d.Status {
		case decision.Duplicate:
			s.duplicate++
			n.Status = "duplicate"
		case decision.Late:
			s.late++
			n.Status = "late"
		default:
			s.refused++
		}
		text, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("writing decisions: %w", err)
		}
		s.line = append(s.line, text...)
	}
	if _, err := s.out.Write(append(s.line, '\n')); err != nil {
		return fmt.Errorf("writing decisions: %w", err)
	}
	return nil
}
