package wire

import "github.com/riskd-io/riskd/pkg/risk/event"

// TypePrefix and TypeSuffix frame every CloudEvents type of riskd.
const (
	TypePrefix = "dev.riskd."
	TypeSuffix = ".v1"
)

// ParseType maps a CloudEvents type to its core type; ok is false for any other string.
func ParseType(s string) (t event.Type, ok bool) {
	switch s {
	case "dev.riskd.activity.v1":
		return event.Activity, true
	case "dev.riskd.stepup.started.v1":
		return event.StepUpStarted, true
	case "dev.riskd.stepup.completed.v1":
		return event.StepUpCompleted, true
	case "dev.riskd.stepup.failed.v1":
		return event.StepUpFailed, true
	case "dev.riskd.stepup.denied.v1":
		return event.StepUpDenied, true
	case "dev.riskd.stepup.abandoned.v1":
		return event.StepUpAbandoned, true
	case "dev.riskd.enforcement.v1":
		return event.EnforcementEvent, true
	case "dev.riskd.feedback.v1":
		return event.FeedbackEvent, true
	}
	return 0, false
}

func parseOutcome(s string) (event.Outcome, bool) {
	switch s {
	case "success":
		return event.Success, true
	case "failure":
		return event.Failure, true
	case "denied":
		return event.Denied, true
	case "challenged":
		return event.Challenged, true
	}
	return 0, false
}

func parseUserKind(s string) (event.UserKind, bool) {
	switch s {
	case "", "person":
		return event.Person, true
	case "service":
		return event.Service, true
	case "agent":
		return event.Agent, true
	}
	return 0, false
}

// ParseNetworkKind maps a network kind's name to the core's value. Empty and "unknown" are unknown.
func ParseNetworkKind(s string) (event.NetworkKind, bool) {
	switch s {
	case "", "unknown":
		return event.NetUnknown, true
	case "residential":
		return event.Residential, true
	case "mobile":
		return event.Mobile, true
	case "hosting":
		return event.Hosting, true
	case "vpn":
		return event.VPN, true
	case "relay":
		return event.Relay, true
	case "satellite":
		return event.Satellite, true
	}
	return 0, false
}

// sensitivityNames are the classes as they are written; "" is unknown.
var sensitivityNames = [...]string{event.Public: "public", event.Internal: "internal", event.Restricted: "restricted", event.Critical: "critical"}

func parseSensitivity(s string) (event.Sensitivity, bool) {
	switch s {
	case "", "unknown":
		return event.SensUnknown, true
	case "public":
		return event.Public, true
	case "internal":
		return event.Internal, true
	case "restricted":
		return event.Restricted, true
	case "critical":
		return event.Critical, true
	}
	return 0, false
}
