package rules

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/score"
)

// fact is one name of the language.
type fact struct {
	name string
	typ  *cel.Type
	// help says what it is, with its unit.
	help string
	get  func(f *policy.Facts) ref.Val
	// One of these is the fact as Go has it, by its type; none for event.attributes.
	text   func(f *policy.Facts) string
	number func(f *policy.Facts) float64
	whole  func(f *policy.Facts) int64
	yesNo  func(f *policy.Facts) bool
	texts  func(f *policy.Facts) []string
}

// addressFact and attributesFact have shortcuts of their own.
const (
	addressFact    = "network.ip"
	attributesFact = "event.attributes"
)

func text(name, help string, get func(f *policy.Facts) string) fact {
	return fact{name: name, typ: cel.StringType, help: help, text: get, get: func(f *policy.Facts) ref.Val { return types.String(get(f)) }}
}

func number(name, help string, get func(f *policy.Facts) float64) fact {
	return fact{name: name, typ: cel.DoubleType, help: help, number: get, get: func(f *policy.Facts) ref.Val { return types.Double(get(f)) }}
}

func whole(name, help string, get func(f *policy.Facts) int64) fact {
	return fact{name: name, typ: cel.IntType, help: help, whole: get, get: func(f *policy.Facts) ref.Val { return types.Int(get(f)) }}
}

func yesNo(name, help string, get func(f *policy.Facts) bool) fact {
	return fact{name: name, typ: cel.BoolType, help: help, yesNo: get, get: func(f *policy.Facts) ref.Val { return types.Bool(get(f)) }}
}

func texts(name, help string, get func(f *policy.Facts) []string) fact {
	return fact{name: name, typ: cel.ListType(cel.StringType), help: help, texts: get, get: func(f *policy.Facts) ref.Val {
		return types.NewStringList(types.DefaultTypeAdapter, get(f))
	}}
}

var (
	outcomeNames     = [...]string{"unknown", "success", "failure", "denied", "challenged"}
	kindNames        = [...]string{"person", "service", "agent"}
	networkNames     = [...]string{"unknown", "residential", "mobile", "hosting", "vpn", "relay", "satellite"}
	sensitivityNames = [...]string{"unknown", "public", "internal", "restricted", "critical"}
)

func name(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return names[0]
}

const dayMillis = 24 * 3600 * 1000

// facts are the names of the language, in the order in which they are explained. A name never changes its meaning.
var facts = append([]fact{
	text("event.id", "the event's id", func(f *policy.Facts) string { return f.Event.ID }),
	text("event.source", "the app that reported it", func(f *policy.Facts) string { return f.Event.Source }),
	text("event.tenant", "the tenant", func(f *policy.Facts) string { return f.Event.Tenant }),
	text("event.action", "what was done, such as auth.login", func(f *policy.Facts) string { return f.Event.Action }),
	text("event.outcome", "success, failure, denied or challenged", func(f *policy.Facts) string { return name(outcomeNames[:], uint8(f.Event.Outcome)) }),
	whole("event.count", "how many equal actions it stands for", func(f *policy.Facts) int64 { return int64(max(1, f.Event.Count)) }),
	whole("event.bytes", "bytes moved", func(f *policy.Facts) int64 { return int64(min(f.Event.Bytes, 1<<62)) }),
	whole("event.hour", "hour of the day, UTC", func(f *policy.Facts) int64 { return int64(f.Event.Time/3_600_000) % 24 }),
	// 1970-01-01 was a Thursday.
	whole("event.weekday", "0 Sunday to 6 Saturday, UTC", func(f *policy.Facts) int64 { return (int64(f.Event.Time/dayMillis) + 4) % 7 }),
	{name: attributesFact, typ: cel.MapType(cel.StringType, cel.StringType), help: `the app's own facts; a missing one is ""`, get: func(f *policy.Facts) ref.Val {
		return newAttributes(f.Event)
	}},
	text("user.id", "whose event it is", func(f *policy.Facts) string { return f.Event.User.ID }),
	text("user.kind", "person, service or agent", func(f *policy.Facts) string { return name(kindNames[:], uint8(f.Event.User.Kind)) }),
	text("resource.type", "kind of thing acted on", func(f *policy.Facts) string { return f.Event.Resource.Type }),
	text("resource.id", "the thing acted on", func(f *policy.Facts) string { return f.Event.Resource.ID }),
	text("resource.sensitivity", "unknown, public, internal, restricted or critical", func(f *policy.Facts) string {
		return name(sensitivityNames[:], uint8(f.Event.Resource.Sensitivity))
	}),
	text(addressFact, `address, "" when unknown; "network.ip in lists.office"`, func(f *policy.Facts) string {
		if !f.Event.Network.IP.IsValid() {
			return ""
		}
		return f.Event.Network.IP.String()
	}),
	text("network.kind", "unknown, residential, mobile, hosting, vpn, relay or satellite", func(f *policy.Facts) string { return name(networkNames[:], uint8(f.Event.Network.Kind)) }),
	whole("network.asn", "number of the network, 0 when unknown", func(f *policy.Facts) int64 { return int64(f.Event.Network.ASN) }),
	text("network.country", `ISO 3166 code, "" when unknown`, func(f *policy.Facts) string { return f.Event.Network.Place.Country }),
	text("network.city", `"" when unknown`, func(f *policy.Facts) string { return f.Event.Network.Place.City }),
	text("agent.class", "desktop, phone, tablet, bot, other", func(f *policy.Facts) string { return f.Event.Agent.Class }),
	text("agent.os", "operating system", func(f *policy.Facts) string { return f.Event.Agent.OS }),
	text("agent.browser", "browser", func(f *policy.Facts) string { return f.Event.Agent.Browser }),
	yesNo("device.given", "the app named a device", func(f *policy.Facts) bool { return f.Event.Device != "" }),

	text("session.id", "the session; \"\" when the app named none", func(f *policy.Facts) string { return f.Event.Session.ID }),
	text("session.state", "clear, required, satisfied, denied or expired, before the event", func(f *policy.Facts) string { return f.Session.State }),
	yesNo("session.new", "it begins with this event", func(f *policy.Facts) bool { return f.Session.New }),
	whole("session.level", "proof that counts in this browser: 0, or 1 to 3 for aal1 to aal3", func(f *policy.Facts) int64 { return int64(f.Session.Level) }),
	whole("session.proof_age", "seconds since that proof; 2147483648 without any", func(f *policy.Facts) int64 { return f.Session.ProofAge }),
	texts("session.amr", "methods the event claims", func(f *policy.Facts) []string { return f.Event.Session.AMR }),
	text("session.acr", "assurance the event claims", func(f *policy.Facts) string { return f.Event.Session.ACR }),
	whole("session.age", "seconds since it began", func(f *policy.Facts) int64 { return f.Session.Age }),
	whole("session.idle", "seconds since its last event", func(f *policy.Facts) int64 { return f.Session.Idle }),
	yesNo("session.ip_changed", "another address than at its last event", func(f *policy.Facts) bool { return f.Session.IPChanged }),
	yesNo("session.network_changed", "another ASN", func(f *policy.Facts) bool { return f.Session.NetworkChanged }),
	yesNo("session.country_changed", "another country", func(f *policy.Facts) bool { return f.Session.CountryChanged }),
	yesNo("session.browser_changed", "another browser, system or device class", func(f *policy.Facts) bool { return f.Session.BrowserChanged }),
	yesNo("session.device_changed", "another device token", func(f *policy.Facts) bool { return f.Session.DeviceChanged }),

	whole("profile.events", "events of this user so far, this one included", func(f *policy.Facts) int64 { return int64(f.Profile.Events) }),
	whole("profile.logins", "quiet logins so far", func(f *policy.Facts) int64 { return int64(f.Profile.Logins) }),
	number("profile.age_days", "days since the first event", func(f *policy.Facts) float64 { return f.Profile.AgeDays }),
	number("profile.idle_days", "days since the last event; 0 for the first", func(f *policy.Facts) float64 { return f.Profile.IdleDays }),
	number("profile.failures", "failed logins lately; each counts half after 15 minutes", func(f *policy.Facts) float64 { return f.Profile.Failures }),
	whole("profile.actions_10m", "actions in this ten-minute window, before this one", func(f *policy.Facts) int64 { return int64(f.Profile.Recent) }),
	whole("profile.prompts", "challenges passed in the friction window", func(f *policy.Facts) int64 { return int64(f.Profile.Prompts) }),
	whole("profile.sessions", "sessions remembered, this one included", func(f *policy.Facts) int64 { return int64(f.Profile.Sessions) }),
	yesNo("profile.device_known", "the device token was learned", func(f *policy.Facts) bool { return f.Profile.DeviceKnown }),
	yesNo("profile.country_known", "the country was learned", func(f *policy.Facts) bool { return f.Profile.CountryKnown }),
	yesNo("profile.network_known", "the ASN was learned", func(f *policy.Facts) bool { return f.Profile.NetworkKnown }),

	whole("crowd.ip_users", "other users at this address in the hour before", func(f *policy.Facts) int64 { return int64(f.Event.Crowd.IPUsers) }),
	whole("crowd.ip_failed_users", "other users who failed to log in there", func(f *policy.Facts) int64 { return int64(f.Event.Crowd.IPFailedUsers) }),
	whole("crowd.ip_failures", "failed logins there", func(f *policy.Facts) int64 { return int64(f.Event.Crowd.IPFailures) }),
	whole("crowd.device_users", "other users on this device", func(f *policy.Facts) int64 { return int64(f.Event.Crowd.DeviceUsers) }),

	number("risk", "0 to 100", func(f *policy.Facts) float64 { return f.Decision.Risk }),
	number("scores.impossible_travel", "0 to 100", func(f *policy.Facts) float64 { return f.Decision.Scores.ImpossibleTravel }),
	number("scores.new_device", "0 to 100", func(f *policy.Facts) float64 { return f.Decision.Scores.NewDevice }),
	number("scores.deviation", "0 to 100", func(f *policy.Facts) float64 { return f.Decision.Scores.Deviation }),
	texts("unknown", "inputs that were missing: geo, asn, device, ...", func(f *policy.Facts) []string { return f.Decision.Unknown }),
}, partFacts()...)

// partFacts are the parts of the risk, in nats.
func partFacts() []fact {
	codes := []string{
		score.ImpossibleTravel, score.NewNetwork, score.KnownNetwork, score.HostingNetwork, score.NewAgent, score.KnownAgent, score.UnknownDevice,
		score.KnownDevice, score.SharedDevice, score.TokenMoved, score.SessionSwitch, score.UnusualHour, score.UsualHour, score.UnusualActivity,
		score.Burst, score.UnusualVolume, score.Failures, score.CrowdSource, score.UnusualRTT, score.FailedChallenge, score.ReportedHostile, score.Proven,
	}
	out := make([]fact, len(codes))
	for i, code := range codes {
		out[i] = number("parts."+code, "that part of the risk in nats, 0 when it is not there", func(f *policy.Facts) float64 {
			for k := range f.Decision.Parts {
				if p := &f.Decision.Parts[k]; p.Code == code {
					return p.Nats
				}
			}
			return 0
		})
	}
	return out
}

// attributes shows an event's attributes as a map in which every key is there.
type attributes struct{ traits.Mapper }

func newAttributes(ev *event.Event) attributes {
	m := make(map[string]string, len(ev.Attributes))
	for i := range ev.Attributes {
		m[ev.Attributes[i].Key] = ev.Attributes[i].Value
	}
	return attributes{types.NewStringStringMap(types.DefaultTypeAdapter, m)}
}

// Find returns "" for a key that is missing.
func (a attributes) Find(key ref.Val) (ref.Val, bool) {
	v, found := a.Mapper.Find(key)
	if !found && v == nil {
		return types.String(""), true
	}
	return v, found
}

// Get is Find for the index operator.
func (a attributes) Get(key ref.Val) ref.Val {
	v, _ := a.Find(key)
	return v
}
