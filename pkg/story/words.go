package story

import (
	"math"
	"strconv"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/score"
)

// inputs gives access to a part's inputs by name.
type inputs []decision.Detail

func (in inputs) get(key string) *decision.Detail {
	for i := range in {
		if in[i].Key == key {
			return &in[i]
		}
	}
	return nil
}

func (in inputs) number(key string) (float64, bool) {
	if d := in.get(key); d != nil && !d.IsText {
		return d.Number, true
	}
	return 0, false
}

func (in inputs) text(key string) string {
	if d := in.get(key); d != nil && d.IsText {
		return d.Text
	}
	return ""
}

func (in inputs) or(key, otherwise string) string {
	if t := in.text(key); t != "" {
		return t
	}
	return otherwise
}

// phrases put a part's inputs into words; "" when they are not there, and the inputs are listed then.
var phrases = map[string]func(inputs) string{
	score.Prior:            func(inputs) string { return "how often anybody else acts as a user" },
	score.ImpossibleTravel: travelWords,
	score.NewNetwork:       newNetworkWords,
	score.KnownNetwork:     func(inputs) string { return "the user comes from this network regularly" },
	score.HostingNetwork: func(in inputs) string {
		return join("from a data centre", bracket(in.text("as_org")))
	},
	score.NewAgent:      newAgentWords,
	score.KnownAgent:    knownAgentWords,
	score.UnknownDevice: unknownDeviceWords,
	score.KnownDevice: func(in inputs) string {
		if n, ok := in.number("token_logins"); ok && n >= 1.5 {
			return "one of the user's devices, about " + count(n, "login") + " with it"
		}
		return "one of the user's devices"
	},
	score.SharedDevice: func(in inputs) string {
		if n, ok := in.number("other_users"); ok {
			return count(n, "other user") + " on this device within the hour"
		}
		return ""
	},
	score.TokenMoved: func(in inputs) string {
		return join("the device token came from another browser than its own:", browserOn(in))
	},
	score.SessionSwitch: switchWords,
	score.UnusualHour:   hourWords("rarely active"),
	score.UsualHour:     hourWords("usually active"),
	score.UnusualActivity: func(in inputs) string {
		action := in.text("action")
		if action == "" {
			return "a run of actions that is unlike the user"
		}
		done := plain(action)
		if v, known := verbs[action]; known {
			done = v[0]
		}
		if what := in.text("resource"); what != "" && strings.HasPrefix(action, "resource.") {
			done += " a " + what
		}
		if n, ok := in.number("in_a_row"); ok && n >= 3 {
			return "the user " + done + " " + number(n) + " times in a row, which is unlike the user"
		}
		if seen, ok := in.number("seen"); ok && seen < 0.5 {
			return "the user has hardly ever " + done + "; the session's actions so far are unlike the user"
		}
		return "the session's last actions are unlike the user (last: " + done + ")"
	},
	score.Burst: func(in inputs) string {
		n, ok := in.number("actions_in_10min")
		if !ok {
			return ""
		}
		if usual, ok := in.number("usual_in_10min"); ok {
			return count(n, "action") + " in 10 minutes, usual are " + number(usual)
		}
		return count(n, "action") + " in 10 minutes"
	},
	score.UnusualVolume: func(in inputs) string {
		n, ok := in.number("bytes")
		if !ok {
			return ""
		}
		if sd, ok := in.number("sd"); ok {
			return size(n) + " moved, " + number(sd) + " standard deviations above the user's own"
		}
		return size(n) + " moved, more than the user's own"
	},
	score.Failures: failureWords,
	score.UnusualRTT: func(in inputs) string {
		if ms, ok := in.number("rtt_ms"); ok {
			return "round trip of " + number(ms) + " ms does not fit the user's networks"
		}
		return ""
	},
	score.FailedChallenge: func(in inputs) string {
		if n, ok := in.number("attempts"); ok {
			return count(n, "failed attempt") + " at the challenge"
		}
		return ""
	},
	score.ReportedHostile: func(in inputs) string {
		return "something from the same " + in.text("same") + " was said not to be the user"
	},
	score.Proven: func(in inputs) string {
		h, ok := in.number("hours")
		if !ok {
			return "proven by a second factor"
		}
		aal, _ := in.number("aal")
		if aal >= 1 {
			return "proven at aal" + number(aal) + " " + span(h) + " ago"
		}
		return "proven " + span(h) + " ago"
	},
}

// words is one part in words, whatever its code.
func words(p *decision.Part) string {
	if f := phrases[p.Code]; f != nil {
		if w := f(inputs(p.Detail)); w != "" {
			return w
		}
	}
	return listing(p)
}

// listing names the inputs of a part that has no phrase.
func listing(p *decision.Part) string {
	var out []string
	for _, d := range p.Detail {
		v := d.Text
		if !d.IsText {
			v = number(d.Number)
		}
		out = append(out, plain(d.Key)+" "+v)
	}
	if len(out) == 0 {
		return lower(Title(p.Code))
	}
	return strings.Join(out, ", ")
}

func hourWords(what string) func(inputs) string {
	return func(in inputs) string {
		h, ok := in.number("hour_utc")
		if !ok {
			return ""
		}
		at := "around " + strconv.Itoa(int(h)) + ":00 UTC"
		if h >= 0 && h < 10 {
			at = "around 0" + strconv.Itoa(int(h)) + ":00 UTC"
		}
		if in.text("weekend") == "yes" {
			at += " at weekends"
		}
		return "the user is " + what + " " + at
	}
}

func failureWords(in inputs) string {
	var out []string
	if n, ok := in.number("failures_here"); ok && n >= 0.5 {
		out = append(out, count(math.Ceil(n), "failed login")+" from here before")
	}
	if n, ok := in.number("failures_elsewhere"); ok && n >= 0.5 {
		out = append(out, count(math.Ceil(n), "failed login")+" of this user from elsewhere")
	}
	if n, ok := in.number("address_failed_users"); ok && n >= 1 {
		out = append(out, "failed logins of "+count(n, "other user")+" from this address")
	}
	return and(out)
}
