package payroll

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"golang.org/x/crypto/bcrypt"
)

// Person is an employee with an account. Its methods are safe for concurrent use.
type Person struct {
	ID, Name, Role string
	password       string // made up, printed for the demo
	hash           []byte

	mu       sync.Mutex
	secret   string // TOTP, base32; "" when not enrolled
	lastStep int64  // the last time step whose code was used: each counts once
	passkeys []webauthn.Credential
}

// maxPasskeys bounds how many one person may have.
const maxPasskeys = 8

// people seeds the demo. The secrets are constants so that the authenticator survives a restart of the app.
func people() (map[string]*Person, error) {
	seeds := []*Person{
		{ID: "ada", Name: "Ada Marsh", Role: "Payroll manager", password: "river-stone-42", secret: "NORTHWINDADAMARSHPAYROLL2A"},
		{ID: "ben", Name: "Ben Okafor", Role: "Engineer", password: "paper-lantern-7", secret: "NORTHWINDBENOKAFORENGINE2B"},
		{ID: "chloe", Name: "Chloé Duval", Role: "People partner", password: "quiet-harbour-19"}, // no second factor yet
	}
	all := make(map[string]*Person, len(seeds))
	for _, p := range seeds {
		hash, err := bcrypt.GenerateFromPassword([]byte(p.password), bcrypt.MinCost+2)
		if err != nil {
			return nil, fmt.Errorf("hashing a password: %w", err)
		}
		p.hash = hash
		all[p.ID] = p
	}
	return all, nil
}

// PrintPeople writes the demo's accounts, with their secrets.
func (a *App) PrintPeople(w io.Writer) {
	_, _ = fmt.Fprintf(w, "Northwind Payroll at %s\n\n", a.origin)
	for _, id := range []string{"ada", "ben", "chloe"} {
		p := a.people[id]
		second := "none yet: enrol one under Account"
		if p.secret != "" {
			second = p.secret
		}
		_, _ = fmt.Fprintf(w, "  %-6s %-16s password %-17s TOTP secret %s\n", p.ID, p.Role, p.password, second)
	}
	_, _ = fmt.Fprintln(w)
}

// checkPassword takes as long for an account that does not exist.
func (a *App) checkPassword(id, password string) (*Person, bool) {
	p, known := a.people[id]
	if !known {
		p = a.people["ada"]
	}
	ok := bcrypt.CompareHashAndPassword(p.hash, []byte(password)) == nil
	return p, ok && known
}

const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // steps either side
)

// useCode accepts a code once.
func (p *Person) useCode(code string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.secret == "" {
		return false
	}
	step, ok := matchCode(p.secret, code, now)
	if !ok || step <= p.lastStep {
		return false
	}
	p.lastStep = step
	return true
}

// matchCode finds the time step whose code this is.
func matchCode(secret, code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	for d := int64(-totpSkew); d <= totpSkew; d++ {
		s := now.Unix()/totpPeriod + d
		want, err := totp.GenerateCodeCustom(secret, time.Unix(s*totpPeriod, 0),
			totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// enrol sets the authenticator once a first code proves that it works.
func (p *Person) enrol(secret, code string, now time.Time) bool {
	step, ok := matchCode(secret, code, now)
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret, p.lastStep = secret, step
	return true
}

func newTOTPSecret() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
}

// factors tells what the person can prove.
func (p *Person) factors() (code bool, passkeys int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secret != "", len(p.passkeys)
}

func (p *Person) hasFactor() bool {
	code, passkeys := p.factors()
	return code || passkeys > 0
}

func (p *Person) addPasskey(c *webauthn.Credential) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.passkeys) >= maxPasskeys {
		return errors.New("there are as many passkeys as one may have")
	}
	p.passkeys = append(p.passkeys, *c)
	return nil
}

// usedPasskey keeps the signature counter, which shows a cloned key.
func (p *Person) usedPasskey(c *webauthn.Credential) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.passkeys {
		if string(p.passkeys[i].ID) == string(c.ID) {
			p.passkeys[i] = *c
		}
	}
}

// The methods of webauthn.User.

// WebAuthnID is opaque to authenticators.
func (p *Person) WebAuthnID() []byte { return []byte("northwind:" + p.ID) }

// WebAuthnName is shown by authenticators.
func (p *Person) WebAuthnName() string { return p.ID + "@northwind.example" }

// WebAuthnDisplayName is shown by authenticators.
func (p *Person) WebAuthnDisplayName() string { return p.Name }

// WebAuthnCredentials are the person's passkeys.
func (p *Person) WebAuthnCredentials() []webauthn.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]webauthn.Credential(nil), p.passkeys...)
}
