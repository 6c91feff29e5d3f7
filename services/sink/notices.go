package sink

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/notice"
)

// Notices is what rules that only notify have said: *kafka.Broker, *natsjs.Broker.
type Notices interface {
	NewestNotice(ctx context.Context) (uint64, error)
	OpenNotices(from uint64) (broker.NoticeReader, error)
}

// copyNotices copies notices into ClickHouse as they come, until ctx ends.
func (s *Service) copyNotices(ctx context.Context) {
	if s.notices == nil {
		return
	}
	for ctx.Err() == nil {
		err := s.followNotices(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("notices cannot be copied, trying again", "error", err)
		sleep(ctx, s.cfg.BackoffMax)
	}
}

// followNotices goes on behind the newest one that is stored. A notice that comes twice is one row: its place in the ledger is the key.
func (s *Service) followNotices(ctx context.Context) error {
	if s.prepare != nil {
		if err := s.prepare(ctx); err != nil {
			return err
		}
	}
	var done uint64
	one, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	err := s.books.conn.QueryRow(one, "SELECT max(position) FROM "+s.cfg.table("notices")).Scan(&done)
	cancel()
	if err != nil {
		return fmt.Errorf("reading notices: %w", err)
	}
	newest, err := s.notices.NewestNotice(ctx)
	if err != nil {
		return err
	}
	if newest < done { // the stream was made anew
		done = 0
	}
	r, err := s.notices.OpenNotices(done + 1)
	if err != nil {
		return err
	}
	defer r.Close()
	var buf []broker.StoredNotice
	for {
		if buf, err = r.Take(ctx, buf[:0]); len(buf) > 0 {
			if err := s.storeNotices(ctx, buf); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

func (s *Service) storeNotices(ctx context.Context, all []broker.StoredNotice) error {
	t := table{name: s.cfg.table("notices")}
	var rows []broker.StoredNotice
	for _, n := range all {
		if n.Notice != nil {
			rows = append(rows, n)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	text := func(name string, get func(*notice.Notice) string) {
		values := make([]string, len(rows))
		for i := range rows {
			values[i] = get(rows[i].Notice)
		}
		t.columns = append(t.columns, column{name, values})
	}
	text("tenant", func(n *notice.Notice) string { return n.Tenant })
	text("notice_id", func(n *notice.Notice) string { return n.ID })
	text("user_id", func(n *notice.Notice) string { return n.User.ID })
	text("session_id", func(n *notice.Notice) string { return n.Session })
	text("event_id", func(n *notice.Notice) string { return n.EventID })
	text("source", func(n *notice.Notice) string { return n.Source })
	text("action", func(n *notice.Notice) string { return n.Action })
	text("resource_type", func(n *notice.Notice) string { return n.Resource.Type })
	text("resource_id", func(n *notice.Notice) string { return n.Resource.ID })
	text("rule", func(n *notice.Notice) string { return n.Rule })
	text("policy", func(n *notice.Notice) string { return n.Policy })
	text("decision", func(n *notice.Notice) string { return n.Decision })
	text("reason_user", func(n *notice.Notice) string { return n.ReasonUser })
	text("reason_analyst", func(n *notice.Notice) string { return n.ReasonAnalyst })
	risks, times, positions := make([]float64, len(rows)), make([]time.Time, len(rows)), make([]uint64, len(rows))
	for i := range rows {
		risks[i], times[i], positions[i] = rows[i].Notice.Risk, rows[i].Notice.Time, rows[i].Position
	}
	t.columns = append(t.columns, column{"risk", risks}, column{"ts", times}, column{"position", positions})
	one, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	first, last := rows[0].Position, rows[len(rows)-1].Position
	return insert(one, s.books.conn, t, "notices/"+strconv.FormatUint(first, 10)+"-"+strconv.FormatUint(last, 10))
}
