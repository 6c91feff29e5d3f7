package signin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAPasswordSignsInAndTheCookieIsKnownAgain(t *testing.T) {
	f := open(t)
	c := f.in()
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Name != "riskd" {
		t.Errorf("the cookie on loopback: %v", c)
	}
	p, err := f.Who(nil, from(here, me, c))
	if err != nil || p.Name != "ann" || p.Role != Analyst || p.CSRF == "" {
		t.Errorf("%+v, %v", p, err)
	}
	if !f.Intends(p, p.CSRF) || f.Intends(p, "") || f.Intends(p, p.CSRF+"x") {
		t.Error("the token is not the session's")
	}
	for name, bad := range map[string]*http.Cookie{
		"none": {Name: "other", Value: "x"}, "cut off": {Name: c.Name, Value: c.Value[:len(c.Value)-4]}, "changed": {Name: c.Name, Value: "AA" + c.Value[2:]}, "endless": {Name: c.Name, Value: strings.Repeat("A", 5000)},
	} {
		if _, err := f.Who(nil, from(here, me, bad)); !errors.Is(err, ErrSignedOut) {
			t.Errorf("a cookie that is %s: %v", name, err)
		}
	}
	other, err := NewDesk(f.cfg, []byte("another key of thirty-two bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Who(nil, from(here, me, c)); !errors.Is(err, ErrSignedOut) {
		t.Errorf("another installation's cookie: %v", err)
	}
}

func TestOffLoopbackTheCookieNeedsTLS(t *testing.T) {
	f := open(t)
	w := httptest.NewRecorder()
	if _, err := f.Password(w, from("riskd.example.com", me), "ann", secret); err != nil {
		t.Fatal(err)
	}
	if c := w.Result().Cookies()[0]; !c.Secure || c.Name != "__Host-riskd" || c.Path != "/" || c.Domain != "" {
		t.Errorf("%v", c)
	}
}

func TestASignInEndsByItself(t *testing.T) {
	f := open(t)
	c := f.in()
	f.clock = f.clock.Add(f.cfg.Idle - time.Minute)
	w := httptest.NewRecorder()
	if _, err := f.Who(w, from(here, me, c)); err != nil {
		t.Fatalf("in use: %v", err)
	}
	renewed := w.Result().Cookies()
	if len(renewed) != 1 {
		t.Fatal("the cookie is not renewed by use")
	}
	f.clock = f.clock.Add(f.cfg.Idle)
	if _, err := f.Who(nil, from(here, me, renewed[0])); err != nil {
		t.Errorf("renewed: %v", err)
	}
	if _, err := f.Who(nil, from(here, me, c)); !errors.Is(err, ErrSignedOut) {
		t.Errorf("left alone for longer than idle: %v", err)
	}
	// However much it is used, it ends.
	c = renewed[0]
	for begin := f.clock; f.clock.Sub(begin) < f.cfg.Absolute; f.clock = f.clock.Add(time.Hour) {
		w := httptest.NewRecorder()
		if _, err := f.Who(w, from(here, me, c)); err != nil {
			return
		}
		c = w.Result().Cookies()[0]
	}
	t.Error("it never ended")
}

func TestSigningOutCountsWhereverTheCookieWasCopiedTo(t *testing.T) {
	f := open(t)
	c := f.in()
	p, err := f.Who(nil, from(here, me, c))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	f.Out(w, from(here, me, c), p)
	if got := w.Result().Cookies()[0]; got.MaxAge >= 0 || got.Value != "" {
		t.Errorf("the browser keeps %v", got)
	}
	if _, err := f.Who(nil, from(here, "203.0.113.9:1", c)); !errors.Is(err, ErrSignedOut) {
		t.Errorf("a copy: %v", err)
	}
}
