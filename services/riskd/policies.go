package main

import (
	"context"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/services/scorer"
)

// openPolicies follows the installation's log of policies. Where nothing has been activated, those of the settings judge.
func (a *app) openPolicies(ctx context.Context) (service.Runner, error) {
	base, population, err := a.cfg.policies()
	if err != nil {
		return nil, err
	}
	if a.cfg.onKafka() {
		return a.openKafkaRole(ctx, Policies, func(r *kafkaRole, _ *natsjs.Broker) error {
			a.policies, err = policylog.NewKeeper(policylog.KeeperConfig{Log: r.b.PolicyLog(), Base: base, Baseline: population, Logger: a.roleLog(Policies)})
			r.worker = a.policies
			return err
		})
	}
	return a.openRole(ctx, Policies, func(_ *nats.Conn, js jetstream.JetStream) (worker, error) {
		log, err := natsjs.OpenPolicyLog(ctx, js)
		if err != nil {
			return nil, err
		}
		a.policies, err = policylog.NewKeeper(policylog.KeeperConfig{Log: log, Base: base, Baseline: population, Logger: a.roleLog(Policies)})
		if err != nil {
			return nil, fmt.Errorf("-policy: %w", err)
		}
		return a.policies, nil
	})
}

// judges is the keeper as the scorer asks it.
type judges struct{ *policylog.Keeper }

func (j judges) Current() (scorer.Engine, uint64) { return j.Keeper.Current() }

func (j judges) Wait(ctx context.Context, revision uint64) (scorer.Engine, uint64, error) {
	return j.Keeper.Wait(ctx, revision)
}

func (j judges) At(ctx context.Context, revision uint64) (scorer.Engine, error) {
	return j.Keeper.At(ctx, revision)
}

// policies are the policy files and the baseline of the settings. A policy that fails its own tests is refused.
func (c *Config) policies() ([]*rules.File, *baseline.Baseline, error) {
	files, err := rules.Open(c.Policy)
	if err != nil {
		return nil, nil, fmt.Errorf("-policy: %w", err)
	}
	for _, f := range files {
		if err := f.Passes(); err != nil {
			return nil, nil, fmt.Errorf("-policy %s: %w", c.Policy, err)
		}
	}
	if c.Baseline == "" {
		return files, baseline.Default(), nil
	}
	text, err := os.ReadFile(c.Baseline)
	if err != nil {
		return nil, nil, fmt.Errorf("-baseline: %w", err)
	}
	base, err := baseline.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("-baseline %s: %w", c.Baseline, err)
	}
	return files, base, nil
}
