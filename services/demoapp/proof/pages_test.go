//go:build integration

package proof

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/pquerna/otp/totp"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
	"github.com/riskd-io/riskd/services/demoapp/payroll"
)

// serve runs the app alone, on a broker without riskd behind it: only its routes' own rules ask for proofs.
func serve(t *testing.T) (site string, secrets map[string]string) {
	t.Helper()
	broker := natstest.Start(t, 2)
	cfg := payroll.DefaultConfig()
	cfg.NATSURL, cfg.Listen = broker.URL(), servicetest.FreeAddress(t)
	app, err := payroll.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	app.PrintPeople(&printed)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	_, port, _ := net.SplitHostPort(cfg.Listen)
	site = "http://localhost:" + port
	for end := time.Now().Add(step); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", cfg.Listen); err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("the app does not listen")
		}
	}
	return site, secretsOf(printed.String())
}

var printedSecret = regexp.MustCompile(`(?m)^  (\w+) .* TOTP secret ([A-Z2-7]+)$`)

// secretsOf reads the authenticator secrets off what the app prints at its start.
func secretsOf(printed string) map[string]string {
	secrets := map[string]string{}
	for _, m := range printedSecret.FindAllStringSubmatch(printed, -1) {
		secrets[m[1]] = m[2]
	}
	return secrets
}

// wheel hands out TOTP codes, each once, as an authenticator app would show them one after the other.
type wheel struct {
	secret string
	last   time.Time
}

func (w *wheel) next(t *testing.T) string {
	t.Helper()
	at := time.Now()
	if at.Unix()/30 <= w.last.Unix()/30 { // the app takes a code that is one step ahead
		at = w.last.Add(30 * time.Second)
	}
	if ahead := at.Unix()/30 - time.Now().Unix()/30; ahead > 1 {
		wait := time.Until(time.Unix((at.Unix()/30-1)*30, 0))
		t.Logf("waiting %v for a fresh code", wait.Round(time.Second))
		time.Sleep(wait + 100*time.Millisecond)
	}
	w.last = at
	code, err := totp.GenerateCode(w.secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestTheAppInABrowserByDayAndByNight(t *testing.T) {
	chromium(t)
	site, secrets := serve(t)
	b := open(t, site, desktop, "203.0.113.7")
	codes := &wheel{secret: secrets["ada"]}

	b.visit("/payroll")
	b.at("/login?next=%2Fpayroll")
	b.shot("app-login")
	b.submit(`form[action="/login"]`, "name", "ada", "password", "wrong")
	b.sees("Name or password is not right.")
	b.submit(`form[action="/login"]`, "name", "ada", "password", "river-stone-42")
	b.at("/step-up?")
	b.sees("confirm it is you")
	b.shot("app-step-up")
	b.submit(`form[action^="/step-up?"]`, "code", "000000")
	b.sees("not right")
	b.shot("app-step-up-wrong-code")
	b.submit(`form[action^="/step-up?"]`, "code", codes.next(t))
	b.at("/payroll")
	b.sees("Esther Lindqvist")
	b.shot("app-payroll")

	b.visit("/home")
	b.shot("app-home")
	b.visit("/keys")
	b.submit(`form[action="/keys"]`, "name", "accounting-export")
	b.sees("nw_") // a proof minutes old is enough
	b.shot("app-keys")
	b.visit("/account/authenticator")
	b.sees("Scan the code")
	b.shot("app-authenticator")

	b.dark(true)
	for _, page := range []string{"home", "payroll", "keys", "account"} {
		b.visit("/" + page)
		b.shot("app-" + page + "-dark")
	}
	b.dark(false)
	b.submit(".who")
	b.at("/login")
}

func TestAPasskeyAnswersTheChallenge(t *testing.T) {
	chromium(t)
	site, secrets := serve(t)
	b := open(t, site, desktop, "203.0.113.7")
	b.authenticator()
	codes := &wheel{secret: secrets["ben"]}

	login := func() {
		b.visit("/login")
		b.submit(`form[action="/login"]`, "name", "ben", "password", "paper-lantern-7")
		b.at("/home")
	}
	login()
	b.visit("/account")
	b.click(`[data-passkey="register"]`) // a critical change: the SDK tells the script where to go
	b.at("/step-up?")
	b.submit(`form[action^="/step-up?"]`, "code", codes.next(t))
	b.at("/account")
	b.click(`[data-passkey="register"]`)
	b.sees("Your passkey is ready.")
	b.shot("app-account")
	b.submit(".who")

	login()
	b.visit("/payroll")
	b.at("/step-up?")
	b.sees("Use your passkey")
	b.shot("app-step-up-passkey")
	b.dark(true)
	b.shot("app-step-up-passkey-dark")
	b.dark(false)
	b.click(`[data-passkey="step-up"]`)
	b.at("/payroll")
	b.sees("Farah Aziz")

	csv := js[string](b, `fetch("/payroll/export.csv").then(r => r.text())`)
	if !strings.Contains(csv, "Farah Aziz,Finance analyst,6020.00,3975.50") {
		t.Errorf("export: got %s", csv)
	}
}

// dark shows pages as at night.
func (b *browser) dark(on bool) {
	b.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// authenticator plugs in a virtual one that holds passkeys and verifies its user.
func (b *browser) authenticator() {
	b.t.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
}
