// Package api is what the console's server says to its pages: the JSON of /api, as Go structs. The TypeScript of the
// same shapes, web/app/api.gen.ts, is written from them by [TypeScript]; a test keeps the two equal.
//
// Everything that is worded is worded here, by package story: pages show, they do not explain. Texts that came from
// outside are passed on as they are; the pages never turn them into markup. Times are UTC, RFC 3339 with milliseconds;
// the zero time is null.
package api

import (
	"encoding/json"
	"time"
)

// Moment is a time on the wire; zero (and 1970, which the tables use for unknown) is null.
type Moment time.Time

// MarshalJSON writes RFC 3339 with milliseconds in UTC.
func (m Moment) MarshalJSON() ([]byte, error) {
	t := time.Time(m)
	if t.IsZero() || t.Unix() <= 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format("2006-01-02T15:04:05.000Z") + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Moment) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*m = Moment{}
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	*m = Moment(t)
	return nil
}

// millis is a duration as milliseconds.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// list makes nil an empty list, so that pages need not tell them apart.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// each converts a list.
func each[A, B any](in []A, f func(*A) B) []B {
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}

// Problem is the answer when there is none.
type Problem struct {
	// Code is stable: not_found, not_stored, bad_request, signed_out, forbidden, away, conflict, too_many, internal.
	Code string `json:"code"`
	// Message says it in words, for people.
	Message string `json:"message"`
	// Detail is what the database or broker said, when that helps.
	Detail string `json:"detail,omitempty"`
}

// Me is who asks, and what this installation offers.
type Me struct {
	// Name is empty while nobody is signed in.
	Name string `json:"name"`
	Role string `json:"role"`
	// CSRF goes back in the header X-Riskd-CSRF of everything that changes something.
	CSRF    string `json:"csrf"`
	Expires Moment `json:"expires"`
	// SignIn says which ways there are.
	SignIn SignIn `json:"signIn"`
	// CanAct is whether feedback and re-drive reach the broker from here.
	CanAct  bool   `json:"canAct"`
	Version string `json:"version"`
	// RefreshMS is how often live pages get something new.
	RefreshMS int `json:"refreshMs"`
}

// SignIn says which ways to sign in there are.
type SignIn struct {
	Local bool `json:"local"`
	// OIDC is the name of the provider, "" when there is none.
	OIDC string `json:"oidc"`
	// Hint tells where the first password is, on a loopback installation.
	Hint string `json:"hint"`
}
