package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

const (
	// feedbackSource is the source of the events that people make here.
	feedbackSource = "//riskd/console"
	// feedbackType is their type.
	feedbackType = "dev.riskd.feedback.v1"
	// maxReason is how long a reason may be, bytes; the schema's own limit.
	maxReason = 256
	// publishTime is how long the broker may take.
	publishTime = 10 * time.Second
)

var errNoBroker = &fault{http.StatusServiceUnavailable, "away", "This console has no broker to send to: it can only look.", nil}

// feedback puts what an analyst says on the road, as an event like any other: the core acts on it, and it is in the
// ledger with its author and reason.
func (s *Service) feedback(r *http.Request, p signin.Person) (any, error) {
	var f api.Feedback
	if err := read(r, &f); err != nil {
		return nil, err
	}
	ev, err := s.feedbackEvent(&f, p)
	if err != nil {
		return nil, err
	}
	if s.pub == nil {
		return nil, errNoBroker
	}
	// First the audit, then the deed: one that was done is in the record for certain.
	e := audit.Entry{Action: "feedback", Actor: p.Name, Role: string(p.Role), Tenant: f.Tenant, User: f.User, Subject: strings.TrimSpace(f.Session + " " + f.Event),
		Detail: f.Label + ": " + f.Reason, Address: signin.Address(r)}
	if err := s.audit.Write(r.Context(), e); err != nil {
		return nil, &fault{http.StatusServiceUnavailable, "away", "This cannot be written down, so it is not done.", err}
	}
	ctx, cancel := context.WithTimeout(r.Context(), publishTime)
	defer cancel()
	if err := s.pub.Publish(ctx, ev); err != nil {
		return nil, &fault{http.StatusServiceUnavailable, "away", "The broker did not take it; it is not known to be done. Sending it again is safe.", err}
	}
	return api.Published{EventID: ev.Id, At: api.When(time.UnixMilli(ev.TimeMs))}, nil
}

// feedbackEvent is the event of a feedback.
func (s *Service) feedbackEvent(f *api.Feedback, p signin.Person) (*riskdv1.Event, error) {
	verdict, known := api.Labels[f.Label]
	f.Reason = strings.TrimSpace(f.Reason)
	switch {
	case !known:
		return nil, badRequest("%q is no label.", f.Label)
	case f.Tenant == "" || f.User == "" || f.Session == "":
		return nil, badRequest("Say of which tenant, user and session.")
	case f.Reason == "":
		return nil, badRequest("Give a reason: it is kept with what you do.")
	case len(f.Reason) > maxReason || !utf8.ValidString(f.Reason):
		return nil, badRequest("A reason has at most %d bytes.", maxReason)
	}
	ev := &riskdv1.Event{
		Id: "console-" + strings.ToLower(rand.Text()), Source: feedbackSource, Type: feedbackType, TimeMs: s.now().UnixMilli(), TenantId: f.Tenant,
		User: &riskdv1.User{Id: f.User}, Session: &riskdv1.Session{Id: f.Session}, Action: "feedback." + verdict, Outcome: "success",
		ChallengeId: f.Challenge, Reason: f.Reason, Attributes: map[string]string{"label": f.Label},
		Feedback: &riskdv1.Feedback{EventId: f.Event, Verdict: verdict, Author: p.Name},
	}
	if err := wire.Validate(ev); err != nil {
		var bad *wire.Invalid
		if errors.As(err, &bad) {
			return nil, badRequest("The road would not take it: %v", err)
		}
		return nil, err
	}
	return ev, nil
}
