package console

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

// Trials plays history through a policy beside the live one.
type Trials interface {
	// Backtest fills in both policies and the history, and runs. History is what ClickHouse has on record, or the journal.
	Backtest(ctx context.Context, f *rules.File, journal bool, cfg backtest.Config) (*backtest.Report, error)
}

const (
	// trialTime bounds a backtest. One at a time: it takes the processors of those who judge.
	trialTime = 15 * time.Minute
	// trialCases is how many changed sessions of each sort are named.
	trialCases = 20
	// maxValues bounds the numbers set.
	maxValues = 20
)

// trial is the latest backtest.
type trial struct {
	mu     sync.Mutex
	now    api.Trying
	done   *atomic.Int64
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// trying is how far the latest backtest is.
func (s *Service) trying(*http.Request) (any, error) {
	s.trial.mu.Lock()
	defer s.trial.mu.Unlock()
	now := s.trial.now
	if now.State == "" {
		now.State = "none"
	}
	if s.trial.done != nil {
		now.Events = s.trial.done.Load()
	}
	return now, nil
}

// try starts a backtest; its result is asked for.
func (s *Service) try(r *http.Request, p signin.Person) (any, error) {
	if s.trials == nil {
		return nil, errNoBroker
	}
	var t api.Trial
	if err := readLong(r, &t); err != nil {
		return nil, err
	}
	if len(t.Values) > maxValues {
		return nil, badRequest("At most %d numbers can be set.", maxValues)
	}
	if t.Source != "" && t.Source != "clickhouse" && t.Source != "journal" {
		return nil, badRequest("History is in clickhouse or in the journal.")
	}
	text, err := rules.Adjust([]byte(t.Text), t.Values)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	f, err := rules.Parse(text)
	if err != nil {
		return nil, badRequest("The policy is refused:\n%v", err)
	}
	cfg := backtest.Config{Examples: trialCases, Done: new(atomic.Int64), Workers: 1}
	if cfg.From, err = dayOf(t.From); err == nil {
		cfg.To, err = dayOf(t.To)
	}
	if err != nil {
		return nil, badRequest("A day is written 2026-11-01.")
	}
	s.trial.mu.Lock()
	defer s.trial.mu.Unlock()
	if s.trial.now.State == "running" {
		return nil, &fault{http.StatusConflict, "conflict", "A backtest of " + s.trial.now.By + " is running.", nil}
	}
	e := audit.Entry{Action: "backtest", Actor: p.Name, Role: string(p.Role), Subject: f.Policy.Version(), Address: signin.Address(r)}
	if err := s.audit.Write(r.Context(), e); err != nil {
		return nil, &fault{http.StatusServiceUnavailable, "away", "This cannot be written down, so it is not done.", err}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), trialTime)
	s.trial.now = api.Trying{State: "running", By: p.Name, Started: api.When(s.now()), Text: string(text)}
	s.trial.done, s.trial.cancel = cfg.Done, cancel
	s.trial.wg.Go(func() {
		defer cancel()
		report, err := s.trials.Backtest(ctx, f, t.Source == "journal", cfg)
		s.trial.mu.Lock()
		defer s.trial.mu.Unlock()
		if err != nil {
			s.trial.now.State, s.trial.now.Problem = "failed", err.Error()
			if errors.Is(err, context.DeadlineExceeded) {
				s.trial.now.Problem = "It took longer than " + trialTime.String() + "; riskctl backtest has no such limit."
			}
			return
		}
		s.trial.now.State, s.trial.now.Report = "done", api.NewReport(report)
	})
	return s.trial.now, nil
}

// endTrial stops a backtest and waits for it.
func (s *Service) endTrial() {
	s.trial.mu.Lock()
	if s.trial.cancel != nil {
		s.trial.cancel()
	}
	s.trial.mu.Unlock()
	s.trial.wg.Wait()
}

func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, text)
}
