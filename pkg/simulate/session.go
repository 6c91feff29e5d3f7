package simulate

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// session is one login on one device.
type session struct {
	id      string
	auth    int64
	acr     string
	amr     []string
	last    int64
	expires int64
	proven  int64 // last second factor
}

var (
	pwd    = []string{"pwd"}
	pwdOTP = []string{"pwd", "otp"}
	pwdHWK = []string{"pwd", "hwk", "user"}
)

func (s *session) wire() *riskdv1.Session {
	return &riskdv1.Session{Id: s.id, AuthTimeMs: s.auth, Acr: s.acr, Amr: s.amr}
}

func (p *person) factor() string {
	if p.passkey {
		return "passkey"
	}
	return "totp"
}

// signIn makes sure that there is a session, and says whether the burst can go on.
func (b *burst) signIn(w *World, at int64, seg *segment) (next int64, ready bool) {
	s := b.dev.session
	remembered := b.dev.seed%10 < 3 || b.dev.platform.phone() && b.dev.seed%10 < 6
	idle := 8 * hour
	if remembered {
		idle = 3 * day
	}
	if s != nil && at < s.expires && at-s.last < idle {
		if at-s.last > 50*minute {
			w.emit(b.item(w, at, seg, "auth.refresh", "", "", "", 0))
			s.last = at
			return at + b.gap(), false
		}
		return 0, true
	}
	if b.typo < 3 && b.r.chance(0.035) {
		b.typo++
		it := b.item(w, at, seg, "auth.login", "app", "portal", "", 0)
		it.Event.Outcome, it.Event.Session = "failure", nil
		it.Truth.Note = "typo"
		if b.hasNoToken() {
			it.Event.Device = nil
		}
		w.emit(it)
		return at + b.r.between(3, 25)*1000, false
	}
	life := 12 * hour
	if remembered {
		life = 14 * day
	}
	if b.dev.shared {
		life = 9 * hour
	}
	b.dev.session = &session{id: "s_" + hex(b.r.next(), 16), auth: at, acr: "aal1", amr: pwd, last: at, expires: at + life}
	it := b.item(w, at, seg, "auth.login", "app", "portal", "", 0)
	it.Truth.Login = b.p.logins
	switch {
	case b.p.logins == 0:
		it.Truth.Note = "first_login"
	case b.dev.lost:
		it.Truth.Note = "token_lost"
	case b.dev.isNew:
		it.Truth.Note = "new_device"
	}
	if b.hasNoToken() {
		it.Event.Device = nil
	}
	b.p.logins++
	b.dev.lost, b.dev.isNew, b.dev.seed = false, false, b.dev.seed|1<<63
	w.emit(it)
	return at + b.gap(), false
}

// hasNoToken: the app gives tokens only to those who have logged in, and this browser has not.
func (b *burst) hasNoToken() bool {
	c := &companies[b.p.company]
	return c.token == tokenAfter && (b.dev.lost || b.dev.isNew || b.dev.seed>>63 == 0)
}

// needsProof says whether an app asks for a second factor before this.
func needsProof(action, sens string) bool {
	return sens == "restricted" || sens == "critical" || action == "apikey.create" || action == "role.grant" || action == "account.mfa_change"
}

// fresh says whether an earlier proof still counts: minutes for changes, hours for reading.
func fresh(proven, at int64, action, sens string) bool {
	limit := 12 * hour
	if sens == "critical" || action == "apikey.create" || action == "role.grant" || action == "account.mfa_change" {
		limit = 5 * minute
	}
	return proven > 0 && at-proven < limit
}
