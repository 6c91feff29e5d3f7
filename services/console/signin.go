package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

// me says who asks; nobody is an answer too.
func (s *Service) me(w http.ResponseWriter, r *http.Request) {
	out := api.Me{SignIn: api.SignIn{Local: s.desk.Local(), OIDC: s.desk.Provider(), Hint: s.cfg.Hint}, CanAct: s.pub != nil, Version: s.version, RefreshMS: int(s.cfg.Refresh.Milliseconds())}
	p, err := s.desk.Who(w, r)
	if err != nil && !errors.Is(err, signin.ErrSignedOut) {
		s.refuse(w, r, "/api/me", err)
		return
	}
	if err == nil {
		out.Name, out.Role, out.CSRF, out.Expires = p.Name, string(p.Role), p.CSRF, api.When(p.Expires)
	} else {
		out.Version = "" // nobody's business yet
	}
	write(w, http.StatusOK, out)
}

// signIn takes name and password. Other sites cannot post here: the guard looks at the origin, and the body is JSON.
func (s *Service) signIn(w http.ResponseWriter, r *http.Request) {
	var c api.Credentials
	if err := read(r, &c); err != nil {
		s.refuse(w, r, "/api/signin", err)
		return
	}
	p, err := s.desk.Password(w, r, c.Name, c.Password)
	s.signedIn(r, "password", c.Name, p, err)
	switch {
	case errors.Is(err, signin.ErrTooMany):
		w.Header().Set("Retry-After", "60")
		err = &fault{http.StatusTooManyRequests, "too_many", "Too many attempts: wait a few minutes.", nil}
	case errors.Is(err, signin.ErrWrong):
		err = &fault{http.StatusUnauthorized, "signed_out", "Name or password is not right.", nil}
	case err != nil:
		err = &fault{http.StatusInternalServerError, "internal", "Signing in does not work now.", err}
	}
	if err != nil {
		s.refuse(w, r, "/api/signin", err)
		return
	}
	write(w, http.StatusOK, api.Me{Name: p.Name, Role: string(p.Role), CSRF: p.CSRF, Expires: api.When(p.Expires)})
}

// signedIn writes an attempt down.
func (s *Service) signedIn(r *http.Request, way, name string, p signin.Person, err error) {
	e := audit.Entry{Action: "signed_in", Actor: p.Name, Role: string(p.Role), Detail: "by " + way, Address: signin.Address(r)}
	result := "ok"
	if err != nil {
		e = audit.Entry{Action: "sign_in_failed", Subject: name, Detail: "by " + way + ": " + short(err), Address: e.Address}
		switch {
		case errors.Is(err, signin.ErrTooMany):
			result = "limited"
		case errors.Is(err, signin.ErrWrong), errors.Is(err, signin.ErrLink), errors.Is(err, signin.ErrNoRole), errors.Is(err, signin.ErrProvider):
			result = "refused"
		default:
			result = "failed"
		}
	}
	s.m.signIns.WithLabelValues(way, result).Inc()
	s.audit.Note(e)
}

func (s *Service) signOut(w http.ResponseWriter, r *http.Request) {
	p, err := s.desk.Who(nil, r)
	if err == nil && !s.desk.Intends(p, r.Header.Get("X-Riskd-CSRF")) {
		s.refuse(w, r, "/api/signout", &fault{http.StatusForbidden, "forbidden", "This page is out of date: load it again.", nil})
		return
	}
	if err == nil {
		s.desk.Out(w, r, p)
		s.audit.Note(audit.Entry{Action: "signed_out", Actor: p.Name, Role: string(p.Role), Address: signin.Address(r)})
	}
	write(w, http.StatusOK, struct{}{})
}

// signInByLink takes a one-time link, as riskctl makes them.
func (s *Service) signInByLink(w http.ResponseWriter, r *http.Request) {
	p, err := s.desk.Link(w, r, r.URL.Query().Get("code"))
	s.signedIn(r, "link", "", p, err)
	s.arrive(w, r, "/", err)
}

func (s *Service) oidcStart(w http.ResponseWriter, r *http.Request) {
	to, err := s.desk.Start(w, r, local(r.URL.Query().Get("next")))
	if err != nil {
		s.signedIn(r, "oidc", "", signin.Person{}, err)
		s.arrive(w, r, "/", err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Service) oidcCallback(w http.ResponseWriter, r *http.Request) {
	p, next, err := s.desk.Callback(w, r)
	s.signedIn(r, "oidc", "", p, err)
	s.arrive(w, r, next, err)
}

// arrive ends a sign-in that was a navigation: at the page that was wanted, or at the one that says what went wrong.
func (s *Service) arrive(w http.ResponseWriter, r *http.Request, next string, err error) {
	if err != nil {
		s.log.Warn("a sign-in failed", "error", err)
		why := "provider"
		switch {
		case errors.Is(err, signin.ErrLink):
			why = "link"
		case errors.Is(err, signin.ErrTooMany):
			why = "too_many"
		case errors.Is(err, signin.ErrNoRole):
			why = "no_role"
		}
		next = "/signin?why=" + why
	}
	http.Redirect(w, r, local(next), http.StatusSeeOther)
}

// local keeps a place to go to on this site.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return next
}
