package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// slowTarget takes a while for each batch, and notes what it was given.
type slowTarget struct {
	mu           sync.Mutex
	users        map[string][]string
	under, peak  int
	now          map[string]bool // users in a batch under way
	twice        bool            // a user was in two
	over         spread
	failedBefore int // batches still to fail
}

func (s *slowTarget) put(_ context.Context, evs []*riskdv1.Event) []outcome {
	s.mu.Lock()
	s.under++
	s.peak = max(s.peak, s.under)
	fail := s.failedBefore > 0
	s.failedBefore--
	mine := map[string]bool{}
	for _, ev := range evs {
		s.twice = s.twice || s.now[ev.User.Id] && !mine[ev.User.Id]
		s.now[ev.User.Id], mine[ev.User.Id] = true, true
		s.users[ev.User.Id] = append(s.users[ev.User.Id], ev.Id)
	}
	s.mu.Unlock()
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	for u := range mine {
		delete(s.now, u)
	}
	s.under--
	s.mu.Unlock()
	out := make([]outcome, len(evs))
	for i := range out {
		if fail {
			out[i].err = fmt.Errorf("not now")
		}
	}
	return out
}

func (s *slowTarget) spread() spread { return s.over }

func (s *slowTarget) close() {}

func TestManyBatchesAreUnderWayAndEachUsersEventsKeepTheirOrder(t *testing.T) {
	const events, users = 20_000, 50
	var in strings.Builder
	want := map[string][]string{}
	for n := range events {
		user := fmt.Sprintf("u%d", n%users)
		fmt.Fprintln(&in, inputLine(n, user, ""))
	}
	chunks := make(chan chunk, chunksAhead)
	go readChunks(t.Context(), strings.NewReader(in.String()), chunks)
	for c := range chunks {
		for _, l := range c.lines {
			want[l.ev.User.Id] = append(want[l.ev.User.Id], l.ev.Id)
		}
	}
	for name, c := range map[string]struct {
		over    spread
		atLeast int // batches under way at the same time
	}{"a batch is a request": {byRequest, byRequest.lanes / 2}, "a batch is a user": {byMessage, users / 2}} {
		t.Run(name, func(t *testing.T) {
			to := &slowTarget{users: map[string][]string{}, now: map[string]bool{}, over: c.over, failedBefore: 1}
			var complaints strings.Builder
			s := sending{from: 1, err: &complaints, begin: time.Now()}
			lanes := s.startLanes(t.Context(), to)
			if err := s.file(t.Context(), strings.NewReader(in.String()), "-", lanes); err != nil {
				t.Fatal(err)
			}
			lanes.finish()
			if s.accepted+s.failed != events || s.failed == 0 || s.firstFailed == 0 {
				t.Errorf("accepted %d, failed %d from line %d on; want %d in all and one batch failed", s.accepted, s.failed, s.firstFailed, events)
			}
			for user, ids := range want {
				if got := strings.Join(to.users[user], " "); got != strings.Join(ids, " ") {
					t.Errorf("%s: sent in another order than written", user)
				}
			}
			if to.peak < c.atLeast || to.twice {
				t.Errorf("at most %d batches were under way, want %d or more; a user in two at once: %v", to.peak, c.atLeast, to.twice)
			}
			if len(lanes.users) != 0 || lanes.held != 0 {
				t.Errorf("at the end %d users are left, and %d events", len(lanes.users), lanes.held)
			}
		})
	}
}
