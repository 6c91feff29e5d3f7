package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/schemas"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func examples(t testing.TB, kind string) []schemas.Example {
	t.Helper()
	out, err := schemas.Examples(kind)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compact is the text of a JSON value without white space.
func compact(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldenEventsAreReadAndWrittenAsTheySay(t *testing.T) {
	for _, e := range examples(t, "event") {
		t.Run(e.Name, func(t *testing.T) {
			ev, err := wire.DecodeJSON(e.Bytes())
			if e.Reason != "" {
				if err == nil || wire.Reason(err) != e.Reason {
					t.Errorf("%s got %v, want reason %s", e.About, err, e.Reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s got %v", e.About, err)
			}
			want := e.Canonical
			if want == nil {
				want = e.Input
			}
			if got := string(wire.AppendEventJSON(nil, ev)); got != compact(t, want) {
				t.Errorf("%s\ngot  %s\nwant %s", e.About, got, compact(t, want))
			}
		})
	}
}

func TestGoldenDecisionsAreWrittenAsTheySay(t *testing.T) {
	for _, e := range examples(t, "decision") {
		if e.Reason != "" {
			continue // only the schema refuses decisions: riskd writes them, it does not read them
		}
		t.Run(e.Name, func(t *testing.T) {
			d := readDecision(t, e.Input)
			if got, want := string(wire.AppendDecisionJSON(nil, d)), compact(t, e.Input); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", e.About, got, want)
			}
		})
	}
}

func TestGoldenSignalsAreWrittenAsTheySay(t *testing.T) {
	for _, e := range examples(t, "signal") {
		if e.Reason != "" {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			if got, want := string(wire.AppendSignalJSON(nil, readSignal(t, e.Input))), compact(t, e.Input); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", e.About, got, want)
			}
		})
	}
}

// readDecision reads a decision line with encoding/json, keeping the order of details.
func readDecision(t *testing.T, raw []byte) *riskdv1.Decision {
	t.Helper()
	var in struct {
		EventID   string `json:"event_id"`
		TenantID  string `json:"tenant_id"`
		UserID    string `json:"user_id"`
		SessionID string `json:"session_id"`
		Time      time.Time
		Risk      float64
		Level     string
		Action    string
		Scores    map[string]float64
		Parts     []struct {
			Code   string
			Nats   float64
			Detail json.RawMessage
		}
		Unknown      []string
		ChallengeID  string `json:"challenge_id"`
		SessionState string `json:"session_state"`
		Policy       string
		Baseline     string
		Geo          string
		Engine       string
		Rule         string
		Hits         []string
		ShadowHits   []string `json:"shadow_hits"`
		Signals      []json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	d := &riskdv1.Decision{
		EventId: in.EventID, TenantId: in.TenantID, UserId: in.UserID, SessionId: in.SessionID,
		TimeMs: in.Time.UnixMilli(), Risk: in.Risk, Level: in.Level, Action: in.Action,
		Scores:  &riskdv1.Scores{ImpossibleTravel: in.Scores["impossible_travel"], NewDevice: in.Scores["new_device"], Deviation: in.Scores["deviation"]},
		Unknown: in.Unknown, ChallengeId: in.ChallengeID, SessionState: in.SessionState,
		Policy: in.Policy, Baseline: in.Baseline, Geo: in.Geo, Engine: in.Engine, Rule: in.Rule,
		Hits: in.Hits, ShadowHits: in.ShadowHits,
	}
	for _, p := range in.Parts {
		out := &riskdv1.Part{Code: p.Code, Nats: p.Nats}
		dec := json.NewDecoder(bytes.NewReader(p.Detail))
		tokens := []json.Token{}
		for {
			tok, err := dec.Token()
			if err != nil {
				break
			}
			tokens = append(tokens, tok)
		}
		for i := 1; i+1 < len(tokens); i += 2 { // between the braces
			x := &riskdv1.Detail{Key: tokens[i].(string)}
			switch v := tokens[i+1].(type) {
			case string:
				x.Value = &riskdv1.Detail_Text{Text: v}
			case float64:
				x.Value = &riskdv1.Detail_Number{Number: v}
			}
			out.Detail = append(out.Detail, x)
		}
		d.Parts = append(d.Parts, out)
	}
	for _, s := range in.Signals {
		d.Signals = append(d.Signals, readSignal(t, s))
	}
	return d
}

func readSignal(t *testing.T, raw []byte) *riskdv1.Signal {
	t.Helper()
	var in struct {
		ChallengeID string `json:"challenge_id"`
		Revision    uint64
		TenantID    string `json:"tenant_id"`
		User        struct{ ID string }
		SessionID   string `json:"session_id"`
		State       string
		Risk        struct {
			Score         float64
			Level         string
			PreviousLevel string `json:"previous_level"`
			Reasons       []string
		}
		Require struct {
			ACR    []string `json:"acr_values"`
			AMR    []string `json:"amr_values"`
			MaxAge uint32   `json:"max_age"`
		}
		Scope *struct {
			Action, Sensitivity string
			Type                string `json:"resource_type"`
			ID                  string `json:"resource_id"`
		}
		IssuedAt  time.Time `json:"issued_at"`
		ExpiresAt time.Time `json:"expires_at"`
		OnExpiry  string    `json:"on_expiry"`
		Policy    struct{ ID, Version, Rule string }
		EventID   string            `json:"event_id"`
		Reason    map[string]string `json:"reason_user"`
		At        time.Time
		Cause     string
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	var scope *riskdv1.Scope
	if s := in.Scope; s != nil {
		scope = &riskdv1.Scope{Action: s.Action, ResourceType: s.Type, ResourceId: s.ID, Sensitivity: s.Sensitivity}
	}
	return &riskdv1.Signal{
		Scope:       scope,
		ChallengeId: in.ChallengeID, Revision: in.Revision, TenantId: in.TenantID, UserId: in.User.ID,
		SessionId: in.SessionID, State: in.State,
		Risk:       &riskdv1.SignalRisk{Score: in.Risk.Score, Level: in.Risk.Level, PreviousLevel: in.Risk.PreviousLevel, Reasons: in.Risk.Reasons},
		Require:    &riskdv1.Requirement{AcrValues: in.Require.ACR, AmrValues: in.Require.AMR, MaxAgeS: in.Require.MaxAge},
		IssuedAtMs: in.IssuedAt.UnixMilli(), ExpiresAtMs: in.ExpiresAt.UnixMilli(), OnExpiry: in.OnExpiry,
		Policy:  &riskdv1.PolicyRef{Id: in.Policy.ID, Version: in.Policy.Version, Rule: in.Policy.Rule},
		EventId: in.EventID, ReasonUser: in.Reason["en"], AtMs: in.At.UnixMilli(), Cause: in.Cause,
	}
}
