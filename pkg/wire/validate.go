package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Validate checks required fields and bounds, cuts and repairs what the end user may choose, and
// writes addresses in their canonical form. It changes ev only towards the contract; a second
// call changes nothing. Errors are *[Invalid].
func Validate(ev *riskdv1.Event) error {
	if err := identity(ev); err != nil {
		return err
	}
	if _, ok := parseOutcome(ev.Outcome); !ok {
		if ev.Outcome == "" {
			return invalid(ReasonMissingField, "outcome")
		}
		return invalid(ReasonBadValue, "outcome: want success, failure, denied or challenged")
	}
	if ev.Count > MaxCount {
		return invalid(ReasonBadValue, "count: more than 1000000")
	}
	if err := bounded("challenge_id", ev.ChallengeId, MaxEventID, false); err != nil {
		return err
	}
	ev.Reason = cut(ev.Reason, MaxReason)
	if err := session(ev.Session); err != nil {
		return err
	}
	if ev.Device != nil {
		ev.Device.Id = cut(ev.Device.Id, MaxDevice)
	}
	if err := network(ev.Network); err != nil {
		return err
	}
	if ev.Http != nil {
		ev.Http.UserAgent = cut(ev.Http.UserAgent, MaxUserAgent)
	}
	if r := ev.Resource; r != nil {
		r.Type, r.Id = cut(r.Type, MaxResource), cut(r.Id, MaxResource)
		if _, ok := parseSensitivity(r.Sensitivity); !ok {
			return invalid(ReasonBadValue, "resource.sensitivity: want public, internal, restricted or critical")
		}
		if r.Sensitivity == "unknown" {
			r.Sensitivity = ""
		}
	}
	if err := attributes(ev.Attributes); err != nil {
		return err
	}
	return answers(ev)
}

// identity checks what makes an event this event of this user.
func identity(ev *riskdv1.Event) error {
	if err := bounded("id", ev.Id, MaxEventID, true); err != nil {
		return err
	}
	if err := bounded("source", ev.Source, MaxSource, true); err != nil {
		return err
	}
	if ev.Type == "" {
		return invalid(ReasonMissingField, "type")
	}
	if _, ok := ParseType(ev.Type); !ok {
		return invalid(ReasonUnknownType, "type is none of dev.riskd.*.v1")
	}
	if ev.TimeMs == 0 {
		return invalid(ReasonMissingField, "time")
	}
	if ev.TimeMs < 0 || ev.TimeMs > maxTimeMS {
		return invalid(ReasonBadValue, "time: outside 1970 to 9999")
	}
	if err := bounded("tenant_id", ev.TenantId, MaxID, true); err != nil {
		return err
	}
	if ev.User == nil {
		return invalid(ReasonMissingField, "user.id")
	}
	if err := bounded("user.id", ev.User.Id, MaxID, true); err != nil {
		return err
	}
	if _, ok := parseUserKind(ev.User.Kind); !ok {
		return invalid(ReasonBadValue, "user.kind: want person, service or agent")
	}
	return bounded("action", ev.Action, MaxAction, true)
}

func session(s *riskdv1.Session) error {
	if s == nil {
		return nil
	}
	if err := bounded("session.id", s.Id, MaxID, false); err != nil {
		return err
	}
	if s.AuthTimeMs < 0 || s.AuthTimeMs > maxTimeMS {
		return invalid(ReasonBadValue, "session.auth_time: outside 1970 to 9999")
	}
	if err := bounded("session.acr", s.Acr, MaxACR, false); err != nil {
		return err
	}
	if len(s.Amr) > MaxAMRCount {
		return invalid(ReasonTooLarge, "session.amr: more than 16 methods")
	}
	for _, m := range s.Amr {
		if err := bounded("session.amr", m, MaxAMR, true); err != nil {
			return err
		}
	}
	return nil
}

func network(n *riskdv1.Network) error {
	if n == nil {
		return nil
	}
	if n.Ip != "" {
		addr, ok := ParseIP(n.Ip)
		if !ok {
			return invalid(ReasonBadValue, "network.ip: want an IPv4 or IPv6 address without zone or port")
		}
		n.Ip = canonical(addr, n.Ip)
	}
	if n.RttMs > MaxRTT {
		n.RttMs = 0
	}
	if _, ok := ParseNetworkKind(n.Kind); !ok {
		return invalid(ReasonBadValue, "network.kind: want residential, mobile, hosting, vpn, relay or satellite")
	}
	if n.Kind == "unknown" {
		n.Kind = ""
	}
	n.AsOrg = cut(n.AsOrg, MaxPlace)
	if g := n.Geo; g != nil {
		if !positionOK(g.Lat, g.Lon) {
			g.Lat, g.Lon, g.AccuracyKm, g.AtOrigin = 0, 0, 0, false
		}
		if g.Lat == 0 && g.Lon == 0 {
			g.Lat, g.Lon = 0, 0 // no negative zeros
		} else {
			g.AtOrigin = false
		}
		if !(g.AccuracyKm >= 0 && g.AccuracyKm <= maxAccuracyKM) {
			g.AccuracyKm = 0
		}
		g.City = cut(g.City, MaxPlace)
		g.Country = country(g.Country)
	}
	return nil
}

// country is the upper-case two-letter code, or "" (unknown) for anything else, such as the
// "T1" and "XX" of some proxies.
func country(s string) string {
	if len(s) != 2 {
		return ""
	}
	for i := range 2 {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return ""
		}
	}
	if s = strings.ToUpper(s); s == "XX" {
		return ""
	}
	return s
}

func positionOK(lat, lon float64) bool {
	return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 // false for NaN
}

func attributes(m map[string]string) error {
	if len(m) > MaxAttributes {
		return invalid(ReasonTooLarge, "attributes: more than 16")
	}
	for k, v := range m {
		if err := bounded("attributes key", k, MaxAttributeKey, true); err != nil {
			return err
		}
		if len(v) > MaxAttributeValue {
			return invalid(ReasonTooLarge, "attributes: a value is longer than 256 bytes")
		}
		if clean := cut(v, MaxAttributeValue); clean != v {
			m[k] = clean
		}
	}
	return nil
}

// answers checks receipts and feedback. Events of other types cannot carry them.
func answers(ev *riskdv1.Event) error {
	if ev.Enforcement != nil && ev.Type != "dev.riskd.enforcement.v1" {
		ev.Enforcement.Reset()
	}
	if ev.Feedback != nil && ev.Type != "dev.riskd.feedback.v1" {
		ev.Feedback.Reset()
	}
	if e := ev.Enforcement; e != nil {
		e.Route, e.Sdk = cut(e.Route, MaxRoute), cut(e.Sdk, MaxSDK)
		switch e.Result {
		case "", "shown", "passed", "allowed", "denied", "fail_open", "stale":
		default:
			return invalid(ReasonBadValue, "enforcement.result: want shown, passed, allowed, denied, fail_open or stale")
		}
	}
	if f := ev.Feedback; f != nil {
		if err := bounded("feedback.event_id", f.EventId, MaxEventID, false); err != nil {
			return err
		}
		f.Author = cut(f.Author, MaxAuthor)
		switch f.Verdict {
		case "", "legitimate", "attack", "withdraw", "end_challenge", "revoke_session":
		default:
			return invalid(ReasonBadValue, "feedback.verdict: want legitimate, attack, withdraw, end_challenge or revoke_session")
		}
	}
	return nil
}

// bounded refuses text that is too long, not UTF-8, or holds control characters.
func bounded(field, s string, limit int, required bool) error {
	if s == "" {
		if required {
			return invalid(ReasonMissingField, field)
		}
		return nil
	}
	if len(s) > limit {
		return invalid(ReasonTooLarge, field)
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c == 0x7f {
			return invalid(ReasonBadValue, field+": control character")
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		return invalid(ReasonBadValue, field+": not UTF-8")
	}
	return nil
}

// cut shortens s to at most limit bytes at a character's end, replaces bytes that are not UTF-8, and
// makes control characters blanks: what a stranger wrote must not steer an analyst's terminal.
func cut(s string, limit int) string {
	if len(s) > limit {
		n := limit
		for n > limit-utf8.UTFMax && n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	if plainASCII(s) == len(s) && strings.IndexByte(s, 0x7f) < 0 {
		return s
	}
	if !utf8.ValidString(s) {
		if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > limit {
			return cut(s, limit)
		}
	}
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
