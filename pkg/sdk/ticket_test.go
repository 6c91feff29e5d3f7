package sdk

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

var key = []byte(strings.Repeat("k", minReturnKey))

func TestATicketComesBackAsItWasAndOnlyInTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	in := ticket{Challenge: "ch_1", Session: "s1", Return: "/payroll?month=11", ACR: []string{"aal2"}, MaxAge: 300, Expires: now.Add(time.Minute).Unix()}
	sealed := in.seal(key)
	out, err := openTicket(key, sealed, "s1", now)
	if err != nil || out.Return != in.Return || out.Challenge != "ch_1" || out.ACR[0] != "aal2" || out.MaxAge != 300 {
		t.Errorf("got %+v, %v", out, err)
	}
	for name, open := range map[string]func() (ticket, error){
		"too late":        func() (ticket, error) { return openTicket(key, sealed, "s1", now.Add(time.Minute)) },
		"another session": func() (ticket, error) { return openTicket(key, sealed, "s2", now) },
		"another key":     func() (ticket, error) { return openTicket([]byte(strings.Repeat("x", 32)), sealed, "s1", now) },
		"cut":             func() (ticket, error) { return openTicket(key, sealed[:len(sealed)-2], "s1", now) },
		"empty":           func() (ticket, error) { return openTicket(key, "", "s1", now) },
		"signed but away": func() (ticket, error) {
			return openTicket(key, ticket{Session: "s1", Return: "//evil", Expires: in.Expires}.seal(key), "s1", now)
		},
		"without a return": func() (ticket, error) {
			return openTicket(key, ticket{Session: "s1", Expires: in.Expires}.seal(key), "s1", now)
		},
	} {
		if _, err := open(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzTicket(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	good := ticket{Challenge: "ch_1", Session: "s1", Return: "/", Expires: now.Add(time.Hour).Unix()}.seal(key)
	f.Add(good)
	f.Add("e30.AAAA")
	f.Fuzz(func(t *testing.T, sealed string) {
		if _, err := openTicket(key, sealed, "s1", now); err == nil && sealed != good {
			t.Errorf("forged: %q", sealed)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, p := range []string{"/", "/a?b=c#d", "//evil.example", "/\\evil", "/\tevil", "https://evil", "/%2f/evil", "/a//b", "", "/\x00"} {
		f.Add(p)
	}
	base, _ := url.Parse("https://app.example.com/step-up")
	f.Fuzz(func(t *testing.T, p string) {
		if !LocalPath(p) {
			return
		}
		// As browsers do: control characters go, backslashes turn.
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(p)
		u, err := base.Parse(seen)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Errorf("%q leads to %v (%v)", p, u, err)
		}
	})
}

func FuzzKeyOf(f *testing.F) {
	f.Add(bucketPrefix + "acme.s1")
	f.Add(bucketPrefix + "=.a=2Eb")
	f.Fuzz(func(t *testing.T, subj string) { _, _, _ = keyOf(subj) })
}
