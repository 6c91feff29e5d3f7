package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/backtest"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/policylog"
)

// knownWait bounds reading the log of policies.
const knownWait = 30 * time.Second

// follow reads the installation's log of policies, so that each decision on record is compared with what the version that
// was in force then gives. With no new policy, what is in force now is played.
func (b *backtesting) follow(ctx context.Context, js jetstream.JetStream, cfg *backtest.Config) (stop func(), err error) {
	log, err := natsjs.OpenPolicyLog(ctx, js)
	if err != nil {
		return nil, err
	}
	keeper, err := policylog.NewKeeper(policylog.KeeperConfig{Log: log, Base: b.base, Baseline: b.population, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = keeper.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	wait, cancelWait := context.WithTimeout(ctx, knownWait)
	defer cancelWait()
	now, revision, err := keeper.Wait(wait, 0)
	if err == nil {
		err = keeper.Ready()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("reading the log of policies: %w", err)
	}
	cfg.LiveAt = func(revision uint64) (backtest.Engine, error) { return keeper.At(ctx, revision) }
	if revision > 0 {
		b.liveVersions = now.Versions()
		if b.next == "" {
			cfg.New, b.nextVersions = now, now.Versions()
		}
	}
	return stop, nil
}
