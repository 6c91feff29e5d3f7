package story

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/score"
)

// titles are the names of codes for people. A code that is missing here is shown with spaces.
var titles = map[string]string{
	score.Prior:            "Before any evidence",
	score.ImpossibleTravel: "Impossible travel",
	score.NewNetwork:       "New network",
	score.KnownNetwork:     "Known network",
	score.HostingNetwork:   "Hosting network",
	score.NewAgent:         "New browser or system",
	score.KnownAgent:       "Known browser",
	score.UnknownDevice:    "Unknown device",
	score.KnownDevice:      "Known device",
	score.SharedDevice:     "Shared device",
	score.TokenMoved:       "Device token on another browser",
	score.SessionSwitch:    "Session changed hands",
	score.UnusualHour:      "Unusual hour",
	score.UsualHour:        "Usual hour",
	score.UnusualActivity:  "Unusual activity",
	score.Burst:            "Burst of actions",
	score.UnusualVolume:    "Unusual volume",
	score.Failures:         "Failed logins before",
	score.CrowdSource:      "Attacked from the same source",
	score.UnusualRTT:       "Unusual round trip",
	score.FailedChallenge:  "Failed challenge",
	score.ReportedHostile:  "Reported as not the user",
	score.Proven:           "Proven",
}

// Title is a part's code for people.
func Title(code string) string {
	if t := titles[code]; t != "" {
		return t
	}
	t := plain(code)
	if t == "" {
		return "Unnamed"
	}
	return strings.ToUpper(t[:1]) + t[1:]
}

// rules are policy rules in words.
var rules = map[string]string{
	"restricted_resource": "a restricted resource needs a second factor, whoever asks",
	"critical_action":     "a critical action needs a fresh second factor, whoever asks",
	"app_request":         "the app asked for a challenge",
	"severe_override":     "so severe that it is asked in spite of cool-down and budget",
	"cool_down":           "not asked again: cool-down after a challenge",
	"prompt_budget":       "not asked: the user's budget of prompts is used up",
	"machine":             "a service or agent, which cannot answer a challenge",
	"unknown_challenge":   "the report names no challenge of the session",
	"closed_challenge":    "the challenge was closed before",
	"unproven_author":     "the session vouches for itself, which proves nothing",
	"feedback_limit":      "nothing learned: as much was taught today as the policy allows",
	"own_surroundings":    "nothing marked as hostile: it came from where the user is at home",
}

// causes are why a challenge changed, in words; codes of evidence and rules are causes too.
var causes = map[string]string{
	"stepup_completed":        "a second factor was given",
	"stepup_failed":           "too many failed attempts",
	"stepup_denied":           "the user said: that was not me",
	"still_denied":            "the session is shut and goes on all the same",
	"still_revoked":           "the session was revoked and goes on all the same",
	"stepup_abandoned":        "nobody answered",
	"expired":                 "nobody answered in time",
	"severe":                  "evidence too severe to ask",
	"stale_auth_time":         "the proof is older than the challenge",
	"missing_auth_time":       "the proof does not say when it was given",
	"weak_acr":                "the proof is weaker than asked",
	"weak_amr":                "the proof used another method than asked",
	"wrong_session":           "the proof belongs to another session",
	"answered_too_late":       "the proof came too late",
	"feedback_attack":         "judged to be an attack",
	"feedback_revoke_session": "the session was revoked by hand",
	"session_revoked":         "the session was revoked by a rule",
	"feedback_end_challenge":  "the challenge was ended by hand",
	"quiet_elsewhere":         "the machine came back quietly from another address",
	"feedback_legitimate":     "judged to be legitimate",
}

// Rule is a policy rule in words.
func Rule(code string) string {
	if w := rules[code]; w != "" {
		return w
	}
	if w := causes[code]; w != "" {
		return w
	}
	return "policy rule: " + plain(code)
}

// Cause is why a challenge changed, in words.
func Cause(code string) string {
	if w := causes[code]; w != "" {
		return w
	}
	if w := rules[code]; w != "" {
		return w
	}
	if demand, ok := strings.CutPrefix(code, "stronger_"); ok {
		return "more is needed: " + Cause(demand)
	}
	if demand, ok := strings.CutPrefix(code, "wider_"); ok {
		return "more waits for it: " + Cause(demand)
	}
	if code == "" {
		return "risk"
	}
	return lower(Title(code))
}
