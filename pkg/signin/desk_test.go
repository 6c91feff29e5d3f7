package signin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secret = "correct horse battery"

// front is a desk with one user, at a clock that can be turned.
type front struct {
	*Desk
	t     *testing.T
	users *Users
	clock time.Time
}

func open(t *testing.T) *front {
	t.Helper()
	f := &front{t: t, clock: time.Date(2026, 11, 20, 9, 0, 30, 0, time.UTC)}
	c := DefaultConfig()
	c.Users = filepath.Join(t.TempDir(), "users.json")
	var err error
	if f.users, err = OpenUsers(c.Users); err != nil {
		t.Fatal(err)
	}
	if err := f.users.Put("ann", Analyst, secret, true, f.clock.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if f.Desk, err = NewDesk(c, testKey); err != nil {
		t.Fatal(err)
	}
	f.SetClock(func() time.Time { return f.clock })
	return f
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

// from is a request of a browser.
func from(host, address string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host, r.RemoteAddr = host, address
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

const here, me = "127.0.0.1:8481", "192.0.2.1:5000"

// in signs ann in and returns her cookie.
func (f *front) in() *http.Cookie {
	f.t.Helper()
	w := httptest.NewRecorder()
	if _, err := f.Password(w, from(here, me), "ann", secret); err != nil {
		f.t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

func TestWrongNamesAndPasswordsAreRefusedAndSlowedDown(t *testing.T) {
	f := open(t)
	try := func(address, name, password string) error {
		_, err := f.Password(httptest.NewRecorder(), from(here, address), name, password)
		return err
	}
	for _, c := range [][2]string{{"ann", "wrong"}, {"nobody", secret}, {"", ""}, {"ann", strings.Repeat("x", 5000)}} {
		if err := try(me, c[0], c[1]); !errors.Is(err, ErrWrong) {
			t.Errorf("%q: %v", c[0], err)
		}
	}
	for range attempts {
		_ = try(me, "ann", "wrong")
	}
	if err := try(me, "ann", secret); !errors.Is(err, ErrTooMany) {
		t.Errorf("after many attempts: %v", err)
	}
	if err := try("198.51.100.9:1", "ann", secret); !errors.Is(err, ErrTooMany) {
		t.Errorf("the same name from elsewhere: %v", err)
	}
	if err := try(me, "bob", secret); !errors.Is(err, ErrTooMany) {
		t.Errorf("another name from the same address: %v", err)
	}
	f.clock = f.clock.Add(attempts * attemptEvery)
	if err := try(me, "ann", secret); err != nil {
		t.Errorf("after a while: %v", err)
	}
	if err := try(me, "ann", secret); err != nil {
		t.Errorf("after a success the attempts are back: %v", err)
	}
}

func TestGuessersAreBounded(t *testing.T) {
	l, now := newLimiter(), time.Now()
	for i := range 2 * maxLimited {
		l.allow(now, "name "+time.Duration(i).String())
	}
	if len(l.by) > maxLimited {
		t.Errorf("%d are kept", len(l.by))
	}
	if l.allow(now, "a new one") {
		t.Error("beyond the bound all share one limit, which is used up")
	}
	if !l.allow(now.Add(attempts*attemptEvery), "a new one") {
		t.Error("once the old ones have their attempts back there is room again")
	}
}

func TestChangesOfTheUserFileCountAtOnce(t *testing.T) {
	f := open(t)
	c := f.in()
	who := func() (Person, error) { return f.Who(nil, from(here, me, c)) }
	if err := f.users.Put("ann", Viewer, "", false, f.clock); err != nil {
		t.Fatal(err)
	}
	if p, err := who(); err != nil || p.Role != Viewer {
		t.Errorf("another role: %v, %v", p.Role, err)
	}
	if err := f.users.Put("ann", "", "a password that is new", false, f.clock.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := who(); !errors.Is(err, ErrSignedOut) {
		t.Errorf("another password: %v", err)
	}
	f.clock = f.clock.Add(2 * time.Minute)
	if _, err := f.Password(httptest.NewRecorder(), from(here, me), "ann", secret); !errors.Is(err, ErrWrong) {
		t.Errorf("the old password: %v", err)
	}
	if err := f.users.Remove("ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Password(httptest.NewRecorder(), from(here, me), "ann", "a password that is new"); !errors.Is(err, ErrWrong) {
		t.Errorf("a user who is gone: %v", err)
	}
}

func TestALinkSignsInOnce(t *testing.T) {
	f := open(t)
	text, err := Link(testKey, "ann", f.clock, 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if p, err := f.Link(w, from(here, me), text); err != nil || p.Name != "ann" || len(w.Result().Cookies()) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := f.Link(httptest.NewRecorder(), from(here, me), text); !errors.Is(err, ErrLink) {
		t.Errorf("the second time: %v", err)
	}
	late, _ := Link(testKey, "ann", f.clock, time.Minute)
	f.clock = f.clock.Add(2 * time.Minute)
	nobody, _ := Link(testKey, "nobody", f.clock, time.Minute)
	session, _ := f.seal.put("session", grant{ID: "x", Name: "ann"})
	for name, bad := range map[string]string{"too old": late, "for nobody": nobody, "nonsense": "abc", "a cookie": session} {
		if _, err := f.Link(httptest.NewRecorder(), from(here, me), bad); !errors.Is(err, ErrLink) {
			t.Errorf("a link that is %s: %v", name, err)
		}
	}
	for range 2 * attempts {
		_, err = f.Link(httptest.NewRecorder(), from(here, me), "guess")
	}
	if !errors.Is(err, ErrTooMany) {
		t.Errorf("guessing links: %v", err)
	}
}

func TestAnAddressIsWithoutPortAndOneIPv6NetworkIsOne(t *testing.T) {
	for remote, want := range map[string]string{"192.0.2.1:5": "192.0.2.1", "[2001:db8::1:2]:5": "2001:db8::/64", "[::1]:5": "::1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "pipe": "pipe"} {
		if got := Address(from(here, remote)); got != want {
			t.Errorf("%s: got %s, want %s", remote, got, want)
		}
	}
}

func TestRolesIncludeThoseBelow(t *testing.T) {
	for _, c := range []struct {
		have, need Role
		want       bool
	}{{Viewer, Viewer, true}, {Viewer, Analyst, false}, {Analyst, Viewer, true}, {Admin, Analyst, true}, {"", Viewer, false}, {"root", Viewer, false}} {
		if got := c.have.May(c.need); got != c.want {
			t.Errorf("%q may what %q may: %v", c.have, c.need, got)
		}
	}
}
