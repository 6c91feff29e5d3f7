package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

// Policies is the installation's log of policies; *policylog.Book is one.
type Policies interface {
	State(ctx context.Context) (*policylog.State, error)
	Text(ctx context.Context, v policylog.Version) ([]byte, error)
	Push(ctx context.Context, text []byte, note policylog.Note) (*rules.File, *policylog.Change, error)
	Approve(ctx context.Context, tenant, version string, note policylog.Note) (*policylog.Change, error)
	Activate(ctx context.Context, tenant, version string, share float64, note policylog.Note) (*policylog.Change, error)
	Rollback(ctx context.Context, tenant string, note policylog.Note) (*policylog.Change, error)
}

// shadowWindow is how far back the page counts what rules in shadow would have done.
const shadowWindow = 7 * 24 * time.Hour

// policyState reads the log.
func (s *Service) policyState(ctx context.Context) (*policylog.State, error) {
	if s.policies == nil {
		return nil, errNoBroker
	}
	st, err := s.policies.State(ctx)
	if err != nil {
		return nil, &fault{http.StatusServiceUnavailable, "away", "The log of policies cannot be read.", err}
	}
	return st, nil
}

func (s *Service) listPolicies(r *http.Request) (any, error) {
	st, err := s.policyState(r.Context())
	if err != nil {
		return nil, err
	}
	now := s.now()
	hits, err := s.stories.RuleHits(r.Context(), "", now.Add(-shadowWindow))
	if err != nil {
		return nil, err
	}
	return api.NewPolicies(st, hits, now), nil
}

// policyText is a version, and how it differs from another: by itself from what is in force.
func (s *Service) policyText(r *http.Request) (any, error) {
	st, err := s.policyState(r.Context())
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	tenant, against := q.Get("tenant"), q.Get("against")
	if _, ok := st.Find(tenant, q.Get("version")); !ok {
		tenant = "" // a decision names its own, and is mostly judged by the policy of all
	}
	text := func(version string) (string, error) {
		v, ok := st.Find(tenant, version)
		if !ok {
			return "", &fault{http.StatusNotFound, "not_stored", "There is no such version.", nil}
		}
		data, err := s.policies.Text(r.Context(), v)
		return string(data), err
	}
	out := api.PolicyText{Tenant: tenant, Version: q.Get("version"), Lines: []api.DiffLine{}}
	if out.Text, err = text(out.Version); err != nil {
		return nil, err
	}
	if a := st.Active(tenant); against == "" && a != nil && a.Version != out.Version {
		against = a.Version
	}
	if against != "" {
		before, err := text(against)
		if err != nil {
			return nil, err
		}
		out.Against, out.Lines = against, api.NewDiff(policylog.Diff(before, out.Text))
	}
	return out, nil
}

// changePolicies does one thing with policies. The author is who is signed in. Analysts write versions; putting
// them in force is for admins.
func (s *Service) changePolicies(r *http.Request, p signin.Person) (any, error) {
	if s.policies == nil {
		return nil, errNoBroker
	}
	var d api.PolicyDeed
	if err := readLong(r, &d); err != nil {
		return nil, err
	}
	if d.Do != "push" && !p.Role.May(signin.Admin) {
		return nil, &fault{http.StatusForbidden, "forbidden", "This needs the role admin.", nil}
	}
	if d.Reason = strings.TrimSpace(d.Reason); d.Reason == "" {
		return nil, badRequest("Give a reason: it is kept with what you do.")
	}
	e := audit.Entry{Action: "policy_" + d.Do, Actor: p.Name, Role: string(p.Role), Tenant: d.Tenant, Subject: d.Version, Detail: d.Reason, Address: signin.Address(r)}
	if err := s.audit.Write(r.Context(), e); err != nil {
		return nil, &fault{http.StatusServiceUnavailable, "away", "This cannot be written down, so it is not done.", err}
	}
	ctx, note := r.Context(), policylog.Note{Author: p.Name, Reason: d.Reason}
	var c *policylog.Change
	var err error
	switch d.Do {
	case "push":
		_, c, err = s.policies.Push(ctx, []byte(d.Text), note)
	case "approve":
		c, err = s.policies.Approve(ctx, d.Tenant, d.Version, note)
	case "activate":
		c, err = s.policies.Activate(ctx, d.Tenant, d.Version, d.Share, note)
	case "rollback":
		c, err = s.policies.Rollback(ctx, d.Tenant, note)
	default:
		return nil, badRequest("%q is nothing to do with policies.", d.Do)
	}
	var faults rules.Problems
	switch {
	case err == nil:
		return api.PolicyChange{N: c.N, Kind: string(c.Kind), At: api.When(c.At), Author: c.Author, Reason: c.Reason, Tenant: c.Tenant, Version: c.Version, Share: c.Share}, nil
	case errors.As(err, &faults):
		return nil, &fault{http.StatusBadRequest, "bad_request", "The policy is refused:\n" + faults.Error(), nil}
	case errors.Is(err, policylog.ErrRefused), errors.Is(err, policylog.ErrTaken):
		return nil, &fault{http.StatusConflict, "conflict", strings.TrimPrefix(err.Error(), policylog.ErrRefused.Error()+": "), nil}
	}
	return nil, &fault{http.StatusServiceUnavailable, "away", "The log of policies did not take it; whether it is done, this page shows.", err}
}

func (s *Service) calibration(r *http.Request) (any, error) {
	ctx, now := r.Context(), s.now()
	steps, err := s.stories.Calibration(ctx, r.URL.Query().Get("tenant"), now.Add(-windowOf(r, "30d")))
	if err != nil {
		return nil, err
	}
	ts, err := s.tenants(ctx)
	return api.Calibration{Steps: api.NewCalibration(steps), Tenants: ts, AsOf: api.When(now)}, err
}
