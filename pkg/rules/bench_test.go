package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// twenty are rules as people write them; none of them applies to the event of the benchmark.
var twenty = []string{
	`event.action.endsWith(".export") && resource.sensitivity in ["restricted", "critical"]`,
	`resource.sensitivity == "restricted" && network.kind in ["hosting", "vpn"] && !profile.network_known`,
	`event.action == "role.grant" && event.attributes["role"] in ["admin", "owner"]`,
	`event.action in ["audit.disable", "audit.export_delete"] && event.outcome == "success"`,
	`event.action in ["account.mfa_change", "account.mfa_reset"] && profile.failures > 2.0`,
	`(event.action.startsWith("admin.") || resource.type == "admin") && !profile.device_known`,
	`user.id in lists.vips && event.action == "auth.login" && profile.logins > 5 && !profile.device_known`,
	`session.country_changed && !profile.country_known`,
	`session.network_changed && network.kind in ["hosting", "vpn"] && !profile.network_known`,
	`session.browser_changed && session.network_changed`,
	`network.ip in lists.office && session.browser_changed`,
	`event.action.endsWith(".export") && event.bytes > 100 * 1024 * 1024`,
	`event.action.endsWith(".export") && profile.actions_10m + event.count > 50`,
	`event.action.endsWith(".export") && parts.unusual_volume + parts.burst > 2.0`,
	`(event.hour < 5 || event.weekday in [0, 6]) && parts.unusual_hour > 0.5`,
	`event.action == "auth.login" && profile.idle_days > 90.0`,
	`user.kind == "service" && !(network.ip in lists.office)`,
	`user.kind == "agent" && resource.sensitivity == "critical"`,
	`resource.sensitivity == "critical" && ("geo" in unknown || "device" in unknown)`,
	`risk > 40.0 && crowd.ip_failed_users > 3`,
}

func twentyRules(t testing.TB) *File {
	var b strings.Builder
	b.WriteString("id: twenty\nlists:\n  office: {networks: [192.0.2.0/24, 198.51.100.0/24, \"2001:db8::/32\"]}\n  vips: {values: [ceo, cfo]}\nrules:\n")
	for i, when := range twenty {
		fmt.Fprintf(&b, "  - name: rule_%d\n    then: notify\n    when: '%s'\n", i, when)
	}
	return mustParse(t, b.String())
}

func benchFacts() *policy.Facts {
	d := &decision.Decision{Risk: 12, Unknown: []string{"rtt"}}
	for _, code := range []string{"prior", "known_network", "known_agent", "known_device", "usual_hour"} {
		d.Parts = append(d.Parts, decision.Part{Code: code, Nats: -0.5})
	}
	return &policy.Facts{
		Event: &event.Event{
			ID: "0192f0c4-7a7b-7c1d-9a55-0242ac120002", Source: "//acme/apps/web", Type: event.Activity, Tenant: "acme",
			Time: event.Millis(time.Date(2026, 9, 9, 10, 0, 0, 0, time.UTC).UnixMilli()), User: event.User{ID: "ann"}, Outcome: event.Success,
			Action: "resource.read", Resource: event.Resource{Type: "page", ID: "p1", Sensitivity: event.Internal}, Count: 1,
			Network: event.Network{IP: netip.MustParseAddr("192.0.2.44"), ASN: 64500, Kind: event.Residential},
		},
		Decision: d, Session: policy.SessionFacts{State: "clear"}, Profile: policy.ProfileFacts{Events: 400, DeviceKnown: true, NetworkKnown: true},
	}
}

// Twenty rules on an event that none applies to, and on one that seven apply to, as riskd judges them and as CEL's interpreter does.
func BenchmarkTwentyRules(b *testing.B) {
	odd := benchFacts()
	odd.Event.Action, odd.Event.Resource.Sensitivity, odd.Event.Bytes, odd.Event.Network.Kind = "report.export", event.Critical, 1<<30, event.VPN
	odd.Profile, odd.Session.NetworkChanged, odd.Session.BrowserChanged = policy.ProfileFacts{Recent: 60}, true, true
	odd.Decision.Unknown = []string{"device"}
	interpreted := twentyRules(b)
	for i := range interpreted.set.rules {
		interpreted.set.rules[i].condition.native = nil
	}
	for _, c := range []struct {
		name  string
		file  *File
		facts *policy.Facts
		hits  int
	}{
		{"calm", twentyRules(b), benchFacts(), 0}, {"odd", twentyRules(b), odd, 7},
		{"calm interpreted", interpreted, benchFacts(), 0}, {"odd interpreted", interpreted, odd, 7},
	} {
		b.Run(c.name, func(b *testing.B) {
			var hits []decision.Hit
			b.ReportAllocs()
			for b.Loop() {
				hits = c.file.set.Judge(c.facts, hits[:0])
			}
			if len(hits) != c.hits {
				b.Fatalf("%d rules applied, want %d: %v", len(hits), c.hits, hits)
			}
		})
	}
}

// What rules add to a whole step, against the same step without any.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name   string
		policy *policy.Policy
	}{{"no rules", policy.Default()}, {"20 rules", twentyRules(b).Policy}} {
		b.Run(c.name, func(b *testing.B) {
			e, err := risk.New(c.policy, baseline.Default())
			if err != nil {
				b.Fatal(err)
			}
			var p profile.Profile
			var d decision.Decision
			ev := benchFacts().Event
			ids := [64]string{}
			for i := range ids {
				ids[i] = fmt.Sprintf("event-%d", i)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				ev.ID, ev.Source = ids[n%64], ids[n/64%64] // never the same pair within the memory of duplicates
				ev.Time += 60_000
				e.Step(&p, ev, &d)
			}
			if d.Status != decision.Scored {
				b.Fatalf("status %d", d.Status)
			}
		})
	}
}
