package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

// fault is an answer that is none: a status, a stable code and words for people.
type fault struct {
	status  int
	code    string
	message string
	cause   error
}

func (f *fault) Error() string {
	if f.cause != nil {
		return f.message + ": " + f.cause.Error()
	}
	return f.message
}
func (f *fault) Unwrap() error { return f.cause }

func badRequest(format string, a ...any) error {
	return &fault{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, a...), nil}
}

// maxQuery bounds each value of a query, maxBody what is posted; bytes.
const (
	maxQuery = 512
	maxBody  = 64 << 10
)

// asking answers one question for people who have the role.
func (s *Service) asking(route string, need signin.Role, h func(*http.Request, signin.Person) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		defer func() { s.m.seconds.WithLabelValues(route).Observe(time.Since(start).Seconds()) }()
		p, err := s.admitted(w, r, need)
		if err == nil {
			err = bounded(r)
		}
		var v any
		if err == nil {
			v, err = h(r, p)
		}
		s.say(w, r, route, v, err)
	})
}

// changing does one thing for people who have the role and mean it.
func (s *Service) changing(route string, need signin.Role, h func(*http.Request, signin.Person) (any, error)) http.Handler {
	return s.asking(route, need, func(r *http.Request, p signin.Person) (any, error) {
		if !s.desk.Intends(p, r.Header.Get("X-Riskd-CSRF")) {
			return nil, &fault{http.StatusForbidden, "forbidden", "This page is out of date: load it again.", nil}
		}
		return h(r, p)
	})
}

// admitted is who asks, if they may.
func (s *Service) admitted(w http.ResponseWriter, r *http.Request, need signin.Role) (signin.Person, error) {
	p, err := s.desk.Who(w, r)
	switch {
	case errors.Is(err, signin.ErrSignedOut):
		return p, &fault{http.StatusUnauthorized, "signed_out", "Sign in first.", nil}
	case err != nil:
		return p, err
	case !p.Role.May(need):
		return p, &fault{http.StatusForbidden, "forbidden", fmt.Sprintf("This needs the role %s; you are %s.", need, p.Role), nil}
	}
	return p, nil
}

func bounded(r *http.Request) error {
	for name, vs := range r.URL.Query() {
		for _, v := range vs {
			if len(v) > maxQuery {
				return badRequest("%.40s is longer than %d bytes.", name, maxQuery)
			}
		}
	}
	return nil
}

// looking writes down what is looked at, and shows it only then.
func (s *Service) looking(l look, h answer) func(*http.Request, signin.Person) (any, error) {
	return func(r *http.Request, p signin.Person) (any, error) {
		v, err := h(r)
		if err != nil && !errors.Is(err, story.ErrNotFound) {
			return nil, err
		}
		e := l(r)
		e.Actor, e.Role, e.Address = p.Name, string(p.Role), signin.Address(r)
		if o, ok := v.(owned); ok && e.User == "" {
			e.User = o.owner()
			v = o.body
		}
		if errors.Is(err, story.ErrNotFound) {
			e.Detail = "nothing found"
		}
		if werr := s.audit.Write(r.Context(), e); werr != nil {
			return nil, &fault{http.StatusServiceUnavailable, "away", "This look cannot be written down, so it is not shown.", werr}
		}
		return v, err
	}
}

// owned is an answer that is a person's.
type owned struct {
	body any
	user string
}

func (o owned) owner() string { return o.user }

// about is a look whose subject are some values of the query.
func about(action string, names ...string) look {
	return func(r *http.Request) audit.Entry {
		q := r.URL.Query()
		var subject []string
		for _, n := range names {
			if v := q.Get(n); v != "" {
				subject = append(subject, v)
			}
		}
		e := audit.Entry{Action: action, Tenant: q.Get("tenant"), Subject: strings.Join(subject, " ")}
		if action == "saw_user" {
			e.User = q.Get("id")
		}
		return e
	}
}

// say sends an answer, or says why there is none.
func (s *Service) say(w http.ResponseWriter, r *http.Request, route string, v any, err error) {
	if err != nil {
		s.refuse(w, r, route, err)
		return
	}
	if o, ok := v.(owned); ok {
		v = o.body
	}
	s.down.Store(nil)
	write(w, http.StatusOK, v)
}

// refuse turns an error into a problem that says what to do.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, route string, err error) {
	var f *fault
	switch {
	case r.Context().Err() != nil:
		return // nobody waits for it
	case errors.As(err, &f):
	case errors.Is(err, story.ErrNotFound):
		s.down.Store(nil)
		f = &fault{http.StatusNotFound, "not_found", "Nothing is known under this name.", nil}
	case errors.Is(err, story.ErrParameter):
		f = &fault{http.StatusBadRequest, "bad_request", strings.TrimPrefix(err.Error(), story.ErrParameter.Error()+": "), nil}
	default:
		s.down.Store(&err)
		f = &fault{http.StatusServiceUnavailable, "away", "ClickHouse does not answer.", err}
	}
	if f.status >= 500 {
		s.log.Warn("a question could not be answered", "route", route, "error", err)
	}
	p := api.Problem{Code: f.code, Message: f.message}
	if f.cause != nil {
		p.Detail = short(f.cause)
	}
	write(w, f.status, p)
}

func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "this answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// maxPolicy bounds a posted policy, bytes of JSON.
const maxPolicy = 2 << 20

// read takes what was posted.
func read(r *http.Request, v any) error { return readUpTo(r, v, maxBody) }

// readLong is read for what holds a policy.
func readLong(r *http.Request, v any) error { return readUpTo(r, v, maxPolicy) }

func readUpTo(r *http.Request, v any, most int64) error {
	if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		return &fault{http.StatusUnsupportedMediaType, "bad_request", "Send application/json.", nil}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err != nil || int64(len(body)) > most {
		return badRequest("What was sent is longer than %d bytes, or broke off.", most)
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest("What was sent cannot be read: %v", err)
	}
	return nil
}

// short cuts an error to what helps a reader.
func short(err error) string {
	t, _, _ := strings.Cut(err.Error(), "\n")
	if len(t) > 300 {
		t = t[:300] + " …"
	}
	return t
}
