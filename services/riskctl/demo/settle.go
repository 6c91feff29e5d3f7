package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	chdriver "github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// settleWait bounds how long the record may take to complete after the last event.
const settleWait = 3 * time.Minute

// Result is what a demo proved. Events is what the broker took, Decisions and the three after it are the
// journal's totals, the rest is counted in ClickHouse.
type Result struct {
	Events, Decisions, Late, Duplicate, DeadLetter uint64
	StepUps, Enforced, Satisfied, Features         uint64
	deadRows                                       uint64
	behind                                         int // partitions whose last record is not persisted whole
}

// Faults lists what does not add up.
func (r *Result) Faults() (out []string) {
	if sum := r.Decisions + r.Late + r.Duplicate + r.DeadLetter; r.Events != sum {
		out = append(out, fmt.Sprintf("the broker took %d events, the journal accounts for %d", r.Events, sum))
	}
	if r.Features != r.Decisions {
		out = append(out, fmt.Sprintf("the journal holds %d decisions, ClickHouse %d", r.Decisions, r.Features))
	}
	if r.deadRows != r.DeadLetter {
		out = append(out, fmt.Sprintf("the journal holds %d dead letters, ClickHouse %d", r.DeadLetter, r.deadRows))
	}
	if r.behind > 0 {
		out = append(out, fmt.Sprintf("the last records of %d partitions are not in ClickHouse", r.behind))
	}
	return out
}

// String is the last line of a demo.
func (r *Result) String() string {
	return fmt.Sprintf("demo: events=%d decisions=%d late=%d duplicate=%d dead_letter=%d stepups=%d enforced=%d satisfied=%d clickhouse_features=%d ok=%t",
		r.Events, r.Decisions, r.Late, r.Duplicate, r.DeadLetter, r.StepUps, r.Enforced, r.Satisfied, r.Features, len(r.Faults()) == 0)
}

// settle waits until everything that was sent is in the record, and compares. Events keep coming
// meanwhile (riskd's own reports of expired challenges, people in the demo app), so it waits for one
// moment at which all numbers agree.
func (c *Config) settle(ctx context.Context, on road, dir string, d *driver, v *view, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	pass, err := password(dir)
	if err != nil {
		return err
	}
	opts, err := clickhouse.ParseDSN("http://riskd:" + pass + "@" + c.Listen["clickhouse-listen"] + "/risk")
	if err != nil {
		return fmt.Errorf("opening ClickHouse: %w", err)
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return fmt.Errorf("opening ClickHouse: %w", err)
	}
	defer conn.Close()

	v.say("sending has ended; waiting until all of it is in the record")
	var last *Result
	for {
		r, err := measure(ctx, on, conn)
		if err == nil {
			last = r
			// Twice the same: a number read while another one moved proves nothing.
			if len(r.Faults()) == 0 && r.Events >= uint64(d.sent.Load()) {
				again, err := measure(ctx, on, conn)
				if err == nil && *again == *r {
					v.end(r)
					_, err = fmt.Fprintln(out, r)
					return err
				}
			}
			v.waiting(r)
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return cause
			}
			return unsettled(last, errors.Join(err, context.Cause(ctx)), uint64(d.sent.Load()), out)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// unsettled reports a record that did not come to agree.
func unsettled(r *Result, cause error, sent uint64, out io.Writer) error {
	if r == nil {
		return fmt.Errorf("the record could not be read: %w", cause)
	}
	faults := r.Faults()
	if r.Events < sent {
		faults = append(faults, fmt.Sprintf("%d events were acknowledged, the input holds %d", sent, r.Events))
		r.Events = sent // so that the line says what was accepted
	}
	for _, f := range faults {
		fmt.Fprintln(out, "fault:", f)
	}
	fmt.Fprintln(out, r)
	return fmt.Errorf("after %s the numbers do not agree", settleWait)
}

// measure reads the numbers from the three places.
func measure(ctx context.Context, on road, conn chdriver.Conn) (*Result, error) {
	r := &Result{}
	persisted, err := positions(ctx, conn)
	if err != nil {
		return nil, err
	}
	for p := range on.partitions() {
		n, err := on.stored(ctx, p)
		if err != nil {
			return nil, err
		}
		r.Events += n
		last, ok, err := on.Log(p).Last(ctx)
		if err != nil {
			return nil, err
		}
		if ok {
			t := last.Record.GetTotals()
			r.Decisions += t.GetScored()
			r.Late += t.GetLate()
			r.Duplicate += t.GetDuplicate()
			r.DeadLetter += t.GetDeadLettered()
			if last.Seq > persisted[uint16(p)] {
				r.behind++
			}
		}
	}
	for _, q := range []struct {
		into  *uint64
		query string
	}{
		{&r.Features, "SELECT count() FROM features"},
		{&r.deadRows, "SELECT count() FROM dead_letters"},
		{&r.StepUps, "SELECT uniqExact(tenant, challenge_id) FROM signals WHERE state = 'required'"},
		{&r.Enforced, "SELECT uniqExact(tenant, challenge_id) FROM enforcement WHERE kind = 'receipt' AND result IN ('shown', 'denied', 'passed') AND challenge_id != ''"},
		{&r.Satisfied, "SELECT uniqExact(tenant, challenge_id) FROM signals WHERE state = 'satisfied'"},
	} {
		if err := conn.QueryRow(ctx, q.query).Scan(q.into); err != nil {
			return nil, fmt.Errorf("asking ClickHouse %q: %w", q.query, err)
		}
	}
	return r, nil
}

// positions is how far each partition is persisted. The tables of a batch are filled one after the other: what apps enforced comes after what was decided.
func positions(ctx context.Context, conn chdriver.Conn) (map[uint16]uint64, error) {
	const query = "SELECT partition, argMax(seq, batch) FROM sink_positions GROUP BY partition"
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse %q: %w", query, err)
	}
	defer rows.Close()
	out := make(map[uint16]uint64)
	for rows.Next() {
		var p uint16
		var seq uint64
		if err := rows.Scan(&p, &seq); err != nil {
			return nil, fmt.Errorf("asking ClickHouse %q: %w", query, err)
		}
		out[p] = seq
	}
	return out, rows.Err()
}

func password(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "clickhouse.password"))
	return strings.TrimSpace(string(b)), err
}
