package story

import (
	"fmt"
	"strings"
	"time"
)

// Sentence is one line of a story told in short.
type Sentence struct {
	Time time.Time
	// Tone is "bad", "good", "warn" or "" for colouring.
	Tone string
	Text string
}

// InShort tells a session in a few sentences: how it began, what was asked of it and why, and how that ended.
func (s *SessionStory) InShort() []Sentence {
	var out []Sentence
	if len(s.Entries) > 0 && s.Left == 0 {
		if d := s.Entries[0].Decision; d != nil {
			out = append(out, Sentence{Time: d.Time, Text: capital(did(d.EventAction, d.Outcome)) + prefix(" from ", Where(d.Origin)) + prefix(" with ", With(d.Origin)) + "."})
		}
	}
	shown := map[string]bool{}
	for i := range s.Entries {
		e := &s.Entries[i]
		for k := range e.Signals {
			if text, tone := signalSentence(&e.Signals[k], e.Decision); text != "" {
				out = append(out, Sentence{Time: e.Signals[k].Time, Tone: tone, Text: text})
			}
		}
		if x := e.Enforcement; x != nil {
			text, tone := receiptSentence(x)
			key := x.Challenge + "|" + text
			if text != "" && !shown[key] { // an app repeats its receipts; once is enough here
				shown[key] = true
				out = append(out, Sentence{Time: x.Time, Tone: tone, Text: text})
			}
		}
	}
	if len(out) <= 1 && s.Summary.StepUps == 0 && s.Summary.Denies == 0 {
		out = append(out, Sentence{Time: s.Summary.Last, Tone: "good", Text: fmt.Sprintf("Nothing was asked of it; its highest risk was %s.", number(s.Summary.Worst))})
	}
	return out
}

func signalSentence(s *Signal, d *Decision) (text, tone string) {
	switch s.State {
	case "required":
		if s.Revision > 1 {
			switch s.Cause {
			case "weak_acr":
				return "A proof was refused: weaker than asked.", "bad"
			case "stale_auth_time":
				return "A proof was refused: older than the challenge.", "bad"
			case "stepup_failed":
				return "An attempt at the challenge failed.", "warn"
			}
			return "The challenge stays open (" + plain(s.Cause) + ").", "warn"
		}
		why := plain(s.Cause)
		if d != nil {
			why = d.Headline()
		}
		return "Step-up required: " + why + ".", "warn"
	case "satisfied":
		return "The step-up was satisfied; the session goes on.", "good"
	case "denied":
		return "The session was denied" + prefix(" (", paren(plain(s.Cause))) + ".", "bad"
	case "expired":
		if s.OnExpiry == "allow" {
			return "The step-up was not answered in time; it no longer blocks.", "warn"
		}
		return "The step-up was not answered in time; the session stays blocked.", "bad"
	case "cancelled":
		return "The challenge was cancelled" + prefix(" (", paren(plain(s.Cause))) + ".", ""
	}
	return "", ""
}

func paren(s string) string {
	if s == "" {
		return ""
	}
	return s + ")"
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
		return "A factor failed" + prefix(": ", e.Reason) + ".", "warn"
	case e.Kind == "denied":
		return "The user said: that was not me" + prefix(": ", e.Reason) + ".", "bad"
	}
	return "", ""
}

// Did says what an event was, e.g. "logged in" or "tried to log in and failed".
func (d *Decision) Did() string { return did(d.EventAction, d.Outcome) }

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
	"stepup.started":          {"began the challenge", "begin the challenge"},
	"stepup.completed":        {"completed the challenge", "complete the challenge"},
	"stepup.failed":           {"failed the challenge", "pass the challenge"},
	"stepup.denied":           {"said: not me", "deny"},
	"stepup.abandoned":        {"left the challenge unanswered", "answer the challenge"},
}

func did(action, outcome string) string {
	v, ok := verbs[action]
	if !ok {
		v = [2]string{plain(action), plain(action)}
	}
	if strings.HasPrefix(action, "stepup.") {
		return v[0]
	}
	switch outcome {
	case "failure":
		return "tried to " + v[1] + " and failed"
	case "denied":
		return "tried to " + v[1] + " and was denied"
	case "challenged":
		return "tried to " + v[1] + " and was challenged"
	}
	return v[0]
}

// Where is an origin's place in words, "" when unknown.
func Where(o Origin) string {
	switch {
	case o.City != "" && o.Country != "":
		return o.City + ", " + o.Country
	case o.Country != "":
		return o.Country
	case o.City != "":
		return o.City
	}
	return ""
}

// With is an origin's browser and system in words, "" when unknown.
func With(o Origin) string {
	switch {
	case o.Browser != "" && o.OS != "":
		return o.Browser + " on " + o.OS
	case o.Browser != "":
		return o.Browser
	}
	return o.OS
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
