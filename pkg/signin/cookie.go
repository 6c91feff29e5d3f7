package signin

import (
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// grant is what the cookie holds.
type grant struct {
	ID    string    `json:"i"`
	Name  string    `json:"n"`
	Role  Role      `json:"r,omitempty"` // of a provider; a local user's role is the file's
	From  time.Time `json:"f"`           // signed in
	Seen  time.Time `json:"s"`           // last use, to a minute
	Local bool      `json:"l,omitempty"`
}

// admit gives the browser its cookie.
func (d *Desk) admit(w http.ResponseWriter, r *http.Request, g grant) (Person, error) {
	now := d.now().UTC()
	g.ID, g.From, g.Seen = fresh(), now, now.Truncate(time.Minute)
	p, err := d.person(g)
	if err != nil {
		return Person{}, err
	}
	return p, d.give(w, r, g)
}

func (d *Desk) give(w http.ResponseWriter, r *http.Request, g grant) error {
	text, err := d.seal.put("session", g)
	if err != nil {
		return err
	}
	http.SetCookie(w, d.cookie(r, text, g.From.Add(d.cfg.Absolute)))
	return nil
}

// cookie is for this host only, out of reach of scripts, and sent by no other site. Over anything but loopback it
// needs TLS.
func (d *Desk) cookie(r *http.Request, value string, until time.Time) *http.Cookie {
	c := &http.Cookie{Name: cookieName(r), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure(r), Expires: until}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

func cookieName(r *http.Request) string {
	if secure(r) {
		return "__Host-riskd"
	}
	return "riskd"
}

// secure is false only where browsers and this machine are the same.
func secure(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	a, err := netip.ParseAddr(host)
	return !(host == "localhost" || err == nil && a.IsLoopback())
}

// Who is the person of a request; ErrSignedOut when there is none. A cookie that is a minute old or more is renewed.
func (d *Desk) Who(w http.ResponseWriter, r *http.Request) (Person, error) {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return Person{}, ErrSignedOut
	}
	var g grant
	if d.seal.get("session", c.Value, &g) != nil {
		return Person{}, ErrSignedOut
	}
	p, err := d.person(g)
	if err != nil {
		return Person{}, err
	}
	if seen := d.now().UTC().Truncate(time.Minute); w != nil && seen.After(g.Seen) {
		g.Seen = seen
		if err := d.give(w, r, g); err != nil {
			return Person{}, err
		}
	}
	return p, nil
}

// person checks a grant against the clock, the sign-outs and the user file.
func (d *Desk) person(g grant) (Person, error) {
	now := d.now()
	ends := g.From.Add(d.cfg.Absolute)
	d.mu.Lock()
	_, out := d.gone["session "+g.ID]
	d.mu.Unlock()
	if out || now.After(ends) || now.After(g.Seen.Add(d.cfg.Idle+time.Minute)) {
		return Person{}, ErrSignedOut
	}
	p := Person{Name: g.Name, Role: g.Role, Expires: ends, CSRF: d.seal.csrf(g.ID), grant: g}
	if g.Local {
		if d.users == nil {
			return Person{}, ErrSignedOut
		}
		u, err := d.users.Find(g.Name)
		if errors.Is(err, ErrNoUser) || err == nil && u.Since.After(g.From) {
			return Person{}, ErrSignedOut
		}
		if err != nil {
			return Person{}, err
		}
		p.Role = u.Role
	}
	return p, nil
}

// Intends checks the token that comes with a change.
func (d *Desk) Intends(p Person, token string) bool {
	return subtle.ConstantTimeCompare([]byte(p.CSRF), []byte(token)) == 1
}

// Out signs a person out: the cookie counts no more, wherever it was copied to.
func (d *Desk) Out(w http.ResponseWriter, r *http.Request, p Person) {
	d.once("session "+p.grant.ID, p.Expires)
	http.SetCookie(w, d.cookie(r, "", time.Unix(1, 0)))
}
