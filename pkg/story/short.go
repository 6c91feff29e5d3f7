package story

import (
	"fmt"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
)

// Sentence is one line of a story told in short.
type Sentence struct {
	Time time.Time
	// Tone is "bad", "good", "warn" or "" for colouring.
	Tone string
	Text string

	plain string // Text without its count
	times int
}

// InShort tells a session in a few sentences: how it began, what was asked of it and why, and how that ended.
func (s *SessionStory) InShort() []Sentence {
	var out []Sentence
	add := func(at time.Time, tone, text string) {
		if text == "" {
			return
		}
		if n := len(out); n > 0 && out[n-1].plain == text {
			out[n-1].times++
			out[n-1].Text = strings.TrimSuffix(text, ".") + fmt.Sprintf(" (%d times).", out[n-1].times)
			return
		}
		out = append(out, Sentence{Time: at, Tone: tone, Text: text, plain: text, times: 1})
	}
	if len(s.Entries) > 0 && s.Left == 0 {
		if d := s.Entries[0].Decision; d != nil {
			add(d.Time, "", "It began: "+d.Did()+prefix(", from ", Where(d.Origin))+prefix(", with ", With(d.Origin))+".")
		}
	}
	for i := range s.Entries {
		e := &s.Entries[i]
		if x := e.Enforcement; x != nil {
			text, tone := receiptSentence(x)
			add(x.Time, tone, text)
		}
		for k := range e.Signals {
			text, tone := signalSentence(&e.Signals[k], e.Decision)
			add(e.Signals[k].Time, tone, text)
		}
	}
	if text := wentOn(s.Entries); text != "" {
		add(s.Summary.Last, "bad", text)
	}
	if len(out) <= 1 && s.Summary.StepUps == 0 && s.Summary.Denies == 0 && s.Summary.Decisions > 0 {
		add(s.Summary.Last, "good", fmt.Sprintf("Nothing was asked of it; its highest risk was %s of 100.", number(s.Summary.Worst)))
	}
	return out
}

// wentOn says what succeeded in the session although it owed a proof or was denied: the app did not keep it out.
func wentOn(entries []Entry) string {
	rank := map[string]int{"restricted": 1, "critical": 2}
	blocked, n := false, 0
	var worst *Decision
	for i := range entries {
		d := entries[i].Decision
		if d == nil {
			continue
		}
		if blocked && d.Type == activity && d.Outcome == "success" && d.Action != string(decision.Allow) && d.EventAction != "auth.logout" {
			n++
			if worst == nil || rank[d.Sensitivity] >= rank[worst.Sensitivity] {
				worst = d
			}
		}
		blocked = d.SessionState == "required" || d.SessionState == "denied" || d.SessionState == "expired" && d.Action != string(decision.Allow)
	}
	if n == 0 {
		return ""
	}
	what := worst.Did()
	if worst.Sensitivity != "" {
		what += " (" + worst.Sensitivity + ")"
	}
	if n == 1 {
		return "It was let through while it was blocked: " + what + "."
	}
	return fmt.Sprintf("It was let through %d times while it was blocked, among them: %s.", n, what)
}

// activity is the type of events that users do.
const activity = "dev.riskd.activity.v1"

func signalSentence(s *Signal, d *Decision) (text, tone string) {
	switch s.State {
	case "required":
		if s.Revision > 1 {
			if strings.HasPrefix(s.Cause, "stronger_") {
				return capital(Cause(s.Cause)) + ".", "warn"
			}
			return "A proof was refused: " + Cause(s.Cause) + ".", "bad"
		}
		why := Cause(s.Cause)
		if d != nil {
			why = d.Headline()
		}
		return "Step-up required: " + why + ".", "warn"
	case "satisfied":
		return "The step-up was satisfied; the session goes on.", "good"
	case "denied":
		return "The session was denied: " + Cause(s.Cause) + ".", "bad"
	case "expired":
		if s.OnExpiry == "allow" {
			return "The step-up was not answered in time; it no longer blocks.", "warn"
		}
		return "The step-up was not answered in time; the session stays blocked.", "bad"
	case "cancelled":
		return "The challenge was cancelled: " + Cause(s.Cause) + ".", ""
	}
	return "", ""
}

func receiptSentence(e *Enforcement) (text, tone string) {
	at := prefix(" at ", e.Route)
	switch {
	case e.Kind == "receipt" && e.Result == "shown":
		return "The app showed the challenge" + at + ".", ""
	case e.Kind == "receipt" && e.Result == "denied":
		return "The app kept it out" + at + ".", "good"
	case e.Kind == "receipt" && e.Result == "fail_open":
		return "The app let it through without an answer from riskd" + at + " (fail open).", "bad"
	case e.Kind == "receipt" && e.Result == "stale":
		return "The app acted on a stale flag" + at + ".", "warn"
	case e.Kind == "failed":
		return "An attempt at the challenge failed" + prefix(": ", e.Reason) + ".", "warn"
	}
	return "", ""
}

// Did says what an event was, e.g. "logged in" or "tried to export report payroll and was challenged".
func (d *Decision) Did() string {
	return did(d.EventAction, d.Outcome, thing(d.ResourceType, d.ResourceID))
}

// thing names a resource; an id that begins with its kind says both.
func thing(kind, id string) string {
	if strings.HasPrefix(id, kind) {
		return id
	}
	return join(kind, id)
}

var verbs = map[string][2]string{ // done, attempted
	"auth.login":              {"logged in", "log in"},
	"auth.logout":             {"logged out", "log out"},
	"auth.refresh":            {"renewed the session", "renew the session"},
	"auth.mfa":                {"gave a second factor", "give a second factor"},
	"account.password_change": {"changed the password", "change the password"},
	"account.mfa_change":      {"changed the second factor", "change the second factor"},
	"apikey.create":           {"made an API key", "make an API key"},
	"role.grant":              {"granted a role", "grant a role"},
	"resource.read":           {"read", "read"},
	"resource.export":         {"exported", "export"},
	"resource.list":           {"listed", "list"},
	"resource.search":         {"searched", "search"},
	"resource.create":         {"created", "create"},
	"resource.update":         {"changed", "change"},
	"resource.delete":         {"deleted", "delete"},
	"resource.share":          {"shared", "share"},
	"resource.download":       {"downloaded", "download"},
}

// reports are events in which an app or user reports, rather than acts.
var reports = map[string]string{
	"stepup.started":          "began the challenge",
	"stepup.completed":        "completed the challenge",
	"stepup.failed":           "failed the challenge",
	"stepup.denied":           "said: that was not me",
	"stepup.abandoned":        "left the challenge unanswered",
	"feedback.legitimate":     "was judged to be the user",
	"feedback.attack":         "was judged an attack",
	"feedback.end_challenge":  "challenge was ended by hand",
	"feedback.revoke_session": "session was revoked by hand",

	"enforcement.shown":     "app showed the challenge",
	"enforcement.passed":    "app let it pass",
	"enforcement.allowed":   "app let it in",
	"enforcement.denied":    "app kept it out",
	"enforcement.fail_open": "app let it in without an answer from riskd",
	"enforcement.stale":     "app acted on a stale flag",
}

// on is whether what was acted on is said with an action.
func on(action, what string) string {
	if what == "" || strings.HasPrefix(action, "auth.") {
		return ""
	}
	if strings.HasPrefix(action, "resource.") {
		return " " + what
	}
	return " (" + what + ")"
}

func did(action, outcome, what string) string {
	if w := reports[action]; w != "" {
		return w
	}
	v, known := verbs[action]
	if !known {
		v = [2]string{plain(action), plain(action)}
	}
	what = on(action, what)
	tried := "tried to " + v[1] + what
	if !known {
		tried = v[0] + what + ","
	}
	switch outcome {
	case "failure":
		return tried + " and failed"
	case "denied":
		return tried + " and was denied"
	case "challenged":
		return tried + " and was challenged"
	}
	return v[0] + what
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
