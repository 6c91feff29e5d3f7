package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Config of who may sign in, and for how long.
type Config struct {
	// Users is the file of local users. Empty: none.
	Users string
	// Absolute is how long a sign-in lasts at most. Default 12h.
	Absolute time.Duration
	// Idle is how long it lasts without use. Default 2h.
	Idle time.Duration
	// OIDC is your provider; its zero value is none.
	OIDC OIDCConfig
}

// DefaultConfig has no users.
func DefaultConfig() Config {
	return Config{Absolute: 12 * time.Hour, Idle: 2 * time.Hour, OIDC: DefaultOIDCConfig()}
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	if c.Absolute < time.Minute || c.Absolute > 30*24*time.Hour {
		errs = append(errs, fmt.Errorf("console.session: %v, must be 1m to 720h", c.Absolute))
	}
	if c.Idle < time.Minute || c.Idle > c.Absolute {
		errs = append(errs, fmt.Errorf("console.idle: %v, must be 1m to the session's %v", c.Idle, c.Absolute))
	}
	return errors.Join(append(errs, c.OIDC.validate())...)
}

// Person is who is signed in.
type Person struct {
	// Name is the user's, or what the provider calls them.
	Name string
	Role Role
	// Expires is when they have to sign in again whatever they do.
	Expires time.Time
	// CSRF has to come with everything that changes something.
	CSRF string

	grant grant
}

// Errors of signing in. What they say is shown to people.
var (
	ErrSignedOut = errors.New("sign in first")
	ErrWrong     = errors.New("name or password is not right")
	ErrTooMany   = errors.New("too many attempts: wait a few minutes")
	ErrLink      = errors.New("this sign-in link was used before, or is too old")
)

// Desk signs people in and knows them again.
type Desk struct {
	cfg   Config
	users *Users // nil without local users
	seal  *seal
	now   func() time.Time
	limit *limiter
	// hashing bounds how much memory password checks take at once.
	hashing *semaphore.Weighted
	oidc    *provider

	mu   sync.Mutex
	gone map[string]time.Time // signed out, or a link that was used: until when to remember
}

// NewDesk opens the user file and asks nobody yet: the provider is looked up when it is first needed.
func NewDesk(cfg Config, key []byte) (*Desk, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := newSeal(key)
	if err != nil {
		return nil, fmt.Errorf("opening the console's key: %w", err)
	}
	d := &Desk{cfg: cfg, seal: s, now: time.Now, limit: newLimiter(), hashing: semaphore.NewWeighted(2), gone: map[string]time.Time{}}
	if cfg.Users != "" {
		if d.users, err = OpenUsers(cfg.Users); err != nil {
			return nil, err
		}
	}
	if cfg.OIDC.Issuer != "" {
		d.oidc = &provider{cfg: cfg.OIDC}
	}
	return d, nil
}

// SetClock is for tests.
func (d *Desk) SetClock(now func() time.Time) { d.now = now }

// Local tells whether there are local users.
func (d *Desk) Local() bool { return d.users != nil }

// Provider is the name of the OIDC provider, "" without one.
func (d *Desk) Provider() string {
	if d.oidc == nil {
		return ""
	}
	return d.cfg.OIDC.Name
}

// Password signs a local user in. It takes the same time whether the name or the password is wrong.
func (d *Desk) Password(w http.ResponseWriter, r *http.Request, name, password string) (Person, error) {
	if d.users == nil {
		return Person{}, ErrWrong
	}
	if !d.limit.allow(d.now(), "name "+name, "address "+Address(r)) {
		return Person{}, ErrTooMany
	}
	if len(password) > 4*maxPassword {
		return Person{}, ErrWrong
	}
	if err := d.hashing.Acquire(r.Context(), 1); err != nil {
		return Person{}, err
	}
	defer d.hashing.Release(1)
	u, err := d.users.Find(name)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return Person{}, err
	}
	if !matches(orDecoy(u.Hash), password) || u.Name == "" {
		return Person{}, ErrWrong
	}
	d.limit.forget("name "+name, "address "+Address(r))
	return d.admit(w, r, grant{Name: u.Name, Local: true})
}

// Link signs in by a one-time link.
func (d *Desk) Link(w http.ResponseWriter, r *http.Request, text string) (Person, error) {
	if !d.limit.allow(d.now(), "link "+Address(r)) {
		return Person{}, ErrTooMany
	}
	var l link
	if d.users == nil || d.seal.get("link", text, &l) != nil || d.now().After(l.Until) {
		return Person{}, ErrLink
	}
	if _, err := d.users.Find(l.Name); err != nil {
		return Person{}, ErrLink
	}
	if !d.once("link "+l.ID, l.Until) {
		return Person{}, ErrLink
	}
	d.limit.forget("link " + Address(r))
	return d.admit(w, r, grant{Name: l.Name, Local: true})
}

// maxGone bounds what is remembered; older sign-outs are forgotten first when it is full, never silently: their cookies
// have run out by then in any real installation.
const maxGone = 100_000

// once is true the first time something is named.
func (d *Desk) once(what string, until time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, used := d.gone[what]; used {
		return false
	}
	if len(d.gone) >= maxGone {
		now := d.now()
		for k, t := range d.gone {
			if now.After(t) {
				delete(d.gone, k)
			}
		}
		if len(d.gone) >= maxGone {
			return false
		}
	}
	d.gone[what] = until
	return true
}

// Address is where a request came from, without the port; IPv6 as its /64.
func Address(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	a := ap.Addr().Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil && !a.IsLoopback() {
			return p.String()
		}
	}
	return a.String()
}
