package payroll

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/riskd-io/riskd/pkg/sdk"
)

const (
	sessionLife = 12 * time.Hour
	sessionIdle = time.Hour
	deviceLife  = 365 * 24 * time.Hour
	// maxSessions bounds the store; beyond it the longest idle session is ended.
	maxSessions = 10_000
	// maxProofs of one session are kept, the newest.
	maxProofs = 16
)

// session is one login, on the server. The browser holds only its key.
type session struct {
	person *Person
	handle string // what riskd and the logs may know
	born   time.Time

	mu       sync.Mutex
	used     time.Time
	risk     sdk.Session
	secret   string // TOTP being enrolled
	ceremony *webauthn.SessionData
	started  map[string]bool // challenges whose page was shown
	flash    string
}

// sessions is the store: in memory, because a demo may forget.
type sessions struct {
	mu  sync.Mutex
	all map[string]*session // by digest of the cookie: a dump of the store opens nothing
	now func() time.Time
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{all: map[string]*session{}, now: now}
}

// open starts a session in a browser and returns its cookie.
func (ss *sessions) open(p *Person, context string) (cookie string, s *session) {
	cookie = token()
	now := ss.now()
	digest := sha256.Sum256([]byte("handle\x00" + cookie))
	s = &session{person: p, handle: "s_" + hex.EncodeToString(digest[:12]), born: now, used: now, started: map[string]bool{}}
	s.risk = sdk.Session{ID: s.handle, Context: context, Proofs: []sdk.Proof{{Context: context, ACR: "aal1", AMR: []string{"pwd"}, AuthTime: now}}}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.all) >= maxSessions {
		ss.evict()
	}
	ss.all[keyOf(cookie)] = s
	return cookie, s
}

// evict ends what is over, or else the longest idle.
func (ss *sessions) evict() {
	var oldest string
	for key, s := range ss.all {
		if !s.alive(ss.now()) {
			delete(ss.all, key)
		} else if oldest == "" || s.lastUsed().Before(ss.all[oldest].lastUsed()) {
			oldest = key
		}
	}
	if len(ss.all) >= maxSessions {
		delete(ss.all, oldest)
	}
}

func (ss *sessions) find(cookie string) *session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.all[keyOf(cookie)]
	if s == nil || !s.alive(ss.now()) {
		delete(ss.all, keyOf(cookie))
		return nil
	}
	s.mu.Lock()
	s.used = ss.now()
	s.mu.Unlock()
	return s
}

func (ss *sessions) end(cookie string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.all, keyOf(cookie))
}

func (s *session) lastUsed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

func (s *session) alive(now time.Time) bool {
	return now.Sub(s.born) < sessionLife && now.Sub(s.lastUsed()) < sessionIdle
}

// prove keeps what was proven.
func (s *session) prove(p sdk.Proof) {
	s.mu.Lock()
	defer s.mu.Unlock()
	proofs := append(slices.Clone(s.risk.Proofs), p) // requests under way hold the old list
	if n := len(proofs) - maxProofs; n > 0 {
		proofs = slices.Delete(proofs, 1, 1+n) // the login stays
	}
	s.risk.Proofs = proofs
}

func (s *session) riskSession() sdk.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.risk
}

// firstShown tells whether this challenge's page is shown for the first time.
func (s *session) firstShown(challenge string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started[challenge] {
		return false
	}
	if len(s.started) >= 256 {
		clear(s.started)
	}
	s.started[challenge] = true
	return true
}

// say keeps a sentence for the next page.
func (s *session) say(text string) { s.mu.Lock(); s.flash = text; s.mu.Unlock() }

func (s *session) said() (text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, s.flash = s.flash, ""
	return text
}

func token() string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func keyOf(cookie string) string {
	digest := sha256.Sum256([]byte(cookie))
	return string(digest[:])
}

// cookieName has the __Host- prefix where browsers accept it: no other origin can set the cookie then.
func (a *App) cookieName(name string) string {
	if a.secure {
		return "__Host-" + name
	}
	return name
}

func (a *App) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{
		Name: a.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: a.secure,
		SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (a *App) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(a.cookieName(name))
	if err != nil || len(c.Value) > 128 {
		return ""
	}
	return c.Value
}
