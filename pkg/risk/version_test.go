package risk_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// engineVersions lists each version that was ever landed, with the digest of its decisions on the stream below.
const engineVersions = "testdata/engine_versions.txt"

// Decisions name the engine that made them, so two engines that decide differently must not share a name. When this
// fails, the formulas changed: raise risk.Version and add the line that the failure prints.
func TestDecisionsDoNotChangeWithoutTheEnginesVersion(t *testing.T) {
	digest := digestOfDecisions(t)
	f, err := os.Open(engineVersions)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		version, known, ok := strings.Cut(lines.Text(), " ")
		switch {
		case !ok:
			t.Errorf("%s: want a version and a digest: %q", engineVersions, lines.Text())
		case version == risk.Version && known == digest:
			return
		case version == risk.Version:
			t.Fatalf("engine %s does not decide as it did: raise risk.Version, and add to %s:\n<version> %s", version, engineVersions, digest)
		case known == digest:
			t.Fatalf("engine %s decides as %s did: the version was raised for nothing", risk.Version, version)
		}
	}
	t.Fatalf("add to %s:\n%s %s", engineVersions, risk.Version, digest)
}

// digestOfDecisions plays a fixed stream that has something of everything, and digests what was decided.
func digestOfDecisions(t *testing.T) string {
	plain, ruled := newEngine(t), ruledEngine(t)
	sum := sha256.New()
	challenged, scored := 0, 0
	tell := func(d *decision.Decision) { // what apps hear
		for i := range d.Signals {
			s := &d.Signals[i]
			fmt.Fprintln(sum, s.ChallengeID, s.Revision, s.State, s.Cause, s.Rule, s.Require, s.Scope, s.Expires, s.OnExpiry)
		}
	}
	for user := range 30 {
		e := plain
		if user >= 24 {
			e = ruled
		}
		var p profile.Profile
		var d decision.Decision
		n := uint32(user*7919 + 17)
		draw := func(k uint32) uint32 { // a plain congruential generator: fixed for all times
			n = n*1664525 + 1013904223
			return (n >> 8) % k
		}
		at := noon + event.Millis(user)*hour
		for i := range 160 {
			at += event.Millis(draw(9*3600*1000)) / (1 + event.Millis(draw(40)))
			ev := fixedEvent(user, i, at, draw)
			if user >= 24 && i%7 == 5 {
				ev.Action = []string{"resource.delete", "resource.share", "account.close"}[draw(3)]
			}
			e.Step(&p, &ev, &d)
			scored++
			if d.Action != decision.Allow {
				challenged++
			}
			fmt.Fprintln(sum, d.EventID, d.Status, d.Action, d.SessionState, d.Risk, d.Level, d.Rule, d.Scores, d.Parts, d.Unknown)
			tell(&d)
			if d.SessionState == "required" && draw(3) > 0 {
				proof := ev
				proof.ID, proof.Type, proof.Action, proof.Time, proof.ChallengeID = ev.ID+"p", event.StepUpCompleted, "stepup.completed", at+20_000, d.ChallengeID
				proof.Session.ACR, proof.Session.AMR, proof.Session.AuthTime = "aal2", []string{"pwd", "otp"}, proof.Time
				e.Step(&p, &proof, &d)
				fmt.Fprintln(sum, d.EventID, d.Status, d.SessionState, d.Risk, d.Parts)
				tell(&d)
			}
			if d.Risk > 30 && draw(4) == 0 {
				said := ev
				said.ID, said.Type, said.Action, said.Time = ev.ID+"f", event.FeedbackEvent, "feedback", at+40_000
				said.Feedback = event.Feedback{Verdict: []string{"legitimate", "attack", "withdraw", "revoke_session"}[draw(4)], Author: "ana"}
				e.Step(&p, &said, &d)
				fmt.Fprintln(sum, d.EventID, d.Status, d.SessionState, d.Risk, d.Rule, d.Parts)
				tell(&d)
			}
		}
	}
	if challenged < scored/50 || challenged > scored*4/5 {
		t.Fatalf("%d of %d fixed events are challenged: the stream says little", challenged, scored)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func fixedEvent(user, i int, at event.Millis, draw func(uint32) uint32) event.Event {
	ev := home(i, at)
	ev.ID, ev.User.ID = fmt.Sprintf("u%d-%d", user, i), fmt.Sprintf("u%d", user)
	ev.Session.ID = fmt.Sprintf("s%d", i/(3+user%5))
	ev.Agent.BrowserMajor = 140 + uint32(i)/40
	if user%4 == 1 {
		ev.Device = ""
	}
	if user%6 == 2 {
		ev.Session.ID = ""
	}
	switch i % 5 {
	case 1, 2, 3:
		ev.Action = []string{"resource.read", "resource.read", "resource.update", "resource.export", "role.grant"}[draw(5)]
		ev.Resource.Type = []string{"ticket", "mail", "customer"}[draw(3)]
		ev.Bytes, ev.Count = uint64(draw(1<<21)), 1+draw(3)
	case 4:
		ev.Outcome = event.Outcome(1 + draw(2))
	}
	ev.Network.RTT = 20 + draw(30)
	if draw(9) > 1 {
		return ev
	}
	strange := []event.Network{
		{IP: netip.MustParseAddr("126.10.20.30"), ASN: 17676, Place: event.Place{Known: true, Lat: 35.68, Lon: 139.69, RadiusKM: 20, Country: "JP", City: "Tokyo"}, RTT: 240},
		{IP: netip.MustParseAddr("178.62.1.10"), ASN: 14061, Kind: event.Hosting, Place: event.Place{Known: true, Lat: 50.11, Lon: 8.68, RadiusKM: 20, Country: "DE"}},
		{IP: netip.MustParseAddr("146.70.1.10"), ASN: 9009, Kind: event.VPN, Place: event.Place{Known: true, Lat: 52.4, Lon: 4.9, Country: "NL"}},
		{IP: netip.MustParseAddr("82.132.240.9"), ASN: 35228, Kind: event.Mobile, Place: event.Place{Known: true, Lat: 55.86, Lon: -4.25, RadiusKM: 200, Country: "GB", City: "Glasgow"}},
		{IP: netip.MustParseAddr("2a00:23c6:1234:5601::1"), ASN: 2856, Place: event.Place{Known: true, Lat: 53.48, Lon: -2.24, RadiusKM: 50, Country: "GB"}},
		{IP: netip.MustParseAddr("66.94.1.9"), ASN: 22351, Kind: event.Satellite, Place: event.Place{Known: true, Lat: 39.74, Lon: -104.99, Country: "US"}},
		{},
	}
	ev.Network = strange[draw(uint32(len(strange)))]
	if draw(2) == 0 {
		ev.Agent = event.AgentInfo{Raw: "x", Browser: "Firefox", BrowserMajor: 128, OS: "Linux", Class: "desktop"}
		ev.Device = []string{"", "laptop", "other"}[draw(3)]
	}
	if draw(4) == 0 {
		ev.Crowd = event.Crowd{IPFailedUsers: draw(20), IPUsers: draw(30), IPFailures: draw(90), DeviceUsers: draw(6)}
	}
	return ev
}
