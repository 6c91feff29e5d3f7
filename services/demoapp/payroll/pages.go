package payroll

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"html/template"
	"image/png"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pquerna/otp"
)

var pageNames = []string{"login", "home", "payroll", "keys", "account", "authenticator", "stepup", "checking", "denied", "unavailable"}

func parsePages() (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"money": money,
		"day":   func(t time.Time) string { return t.Format("2 January 2006") },
	}).ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	for _, name := range pageNames {
		if t.Lookup(name) == nil {
			return nil, fmt.Errorf("page %s is missing", name)
		}
	}
	return t, nil
}

// view is what every page gets.
type view struct {
	Title  string
	Page   string
	Person *Person // nil before login
	Flash  string
	Data   map[string]any
}

// bare pages show no menu: the person may not go anywhere from there.
var bare = []string{"login", "stepup", "checking", "denied", "unavailable"}

func (a *App) render(w http.ResponseWriter, r *http.Request, status int, name, title string, data map[string]any) {
	v := view{Title: title, Page: name, Data: data}
	if s := a.sessions.find(a.cookie(r, "session")); s != nil && !slices.Contains(bare, name) {
		v.Person, v.Flash = s.person, s.said()
	}
	var out bytes.Buffer // a template that fails halfway must not have sent half a page
	for _, part := range []string{"head", name, "foot"} {
		if err := a.pages.ExecuteTemplate(&out, part, v); err != nil {
			a.log.Error("rendering a page", "page", name, "error", err)
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// page is a page without data as a handler; the SDK chooses the status.
func (a *App) page(name, title string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.render(w, r, http.StatusOK, name, title, nil) })
}

// slip is one line of the payroll.
type slip struct {
	Name, Role string
	Gross, Net int // cents
}

var payrollNovember = []slip{
	{"Ada Marsh", "Payroll manager", 642500, 418730}, {"Ben Okafor", "Engineer", 710000, 455210},
	{"Chloé Duval", "People partner", 588000, 389940}, {"Dmitri Vance", "Sales lead", 655000, 425660},
	{"Esther Lindqvist", "Designer", 561000, 374120}, {"Farah Aziz", "Finance analyst", 602000, 397550},
}

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	now := a.now()
	pay := time.Date(now.Year(), now.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	a.render(w, r, http.StatusOK, "home", "Home", map[string]any{"PayDay": pay, "Days": int(pay.Sub(now).Hours()/24) + 1, "People": len(payrollNovember)})
}

func (a *App) payroll(w http.ResponseWriter, r *http.Request) {
	var gross, net int
	for _, s := range payrollNovember {
		gross, net = gross+s.Gross, net+s.Net
	}
	a.render(w, r, http.StatusOK, "payroll", "Payroll", map[string]any{"Slips": payrollNovember, "Gross": gross, "Net": net})
}

func (a *App) export(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="northwind-payroll-2026-11.csv"`)
	out := csv.NewWriter(w)
	_ = out.Write([]string{"name", "role", "gross_eur", "net_eur"})
	for _, s := range payrollNovember {
		_ = out.Write([]string{s.Name, s.Role, fmt.Sprintf("%d.%02d", s.Gross/100, s.Gross%100), fmt.Sprintf("%d.%02d", s.Net/100, s.Net%100)})
	}
	out.Flush()
}

// apiKeys is a list of names: the demo's keys open nothing.
type apiKeys struct {
	mu   sync.Mutex
	keys []apiKey
}

type apiKey struct {
	Name, Prefix, By string
	Made             time.Time
}

// maxKeys bounds the list.
const maxKeys = 20

func (a *App) showKeys(w http.ResponseWriter, r *http.Request) {
	a.keys.mu.Lock()
	keys := slices.Clone(a.keys.keys)
	a.keys.mu.Unlock()
	a.render(w, r, http.StatusOK, "keys", "API keys", map[string]any{"Keys": keys, "Full": len(keys) >= maxKeys})
}

func (a *App) createKey(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	name := r.PostFormValue("name")
	if s == nil || name == "" || len(name) > 64 {
		http.Error(w, "a key needs a name of at most 64 bytes", http.StatusBadRequest)
		return
	}
	key := "nw_" + token()
	a.keys.mu.Lock()
	full := len(a.keys.keys) >= maxKeys
	if !full {
		a.keys.keys = append(a.keys.keys, apiKey{name, key[:9], s.person.Name, a.now()})
	}
	a.keys.mu.Unlock()
	if full {
		http.Error(w, "there are as many keys as there may be", http.StatusConflict)
		return
	}
	s.say("Key created. Copy it now, it is not shown again: " + key)
	http.Redirect(w, r, "/keys", http.StatusSeeOther)
}

func (a *App) account(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	code, passkeys := s.person.factors()
	a.render(w, r, http.StatusOK, "account", "Account", map[string]any{
		"Code": code, "Passkeys": passkeys, "Origin": a.origin.String(), "Here": r.Host == a.origin.Host,
	})
}

func (a *App) showAuthenticator(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	secret := newTOTPSecret()
	s.mu.Lock()
	s.secret = secret
	s.mu.Unlock()
	a.renderAuthenticator(w, r, http.StatusOK, s.person, secret, "")
}

func (a *App) renderAuthenticator(w http.ResponseWriter, r *http.Request, status int, p *Person, secret, fault string) {
	qr, err := qrCode(p, secret)
	if err != nil {
		a.log.Error("drawing a QR code", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	a.render(w, r, status, "authenticator", "Authenticator", map[string]any{"QR": qr, "Secret": secret, "Error": fault})
}

func (a *App) enrolAuthenticator(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.mu.Lock()
	secret := s.secret
	s.mu.Unlock()
	if secret == "" {
		http.Redirect(w, r, "/account/authenticator", http.StatusSeeOther)
		return
	}
	if !a.codes.allow(s.person.ID) {
		a.renderAuthenticator(w, r, http.StatusTooManyRequests, s.person, secret, "Too many tries. Please wait a minute.")
		return
	}
	if !s.person.enrol(secret, r.PostFormValue("code"), a.now()) {
		a.renderAuthenticator(w, r, http.StatusUnprocessableEntity, s.person, secret, "That code does not match. Please try the next one.")
		return
	}
	s.mu.Lock()
	s.secret = ""
	s.mu.Unlock()
	s.say("Your authenticator is ready.")
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

// qrCode draws the secret as authenticator apps read it.
func qrCode(p *Person, secret string) (template.URL, error) {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/Northwind Payroll:" + p.ID,
		RawQuery: url.Values{"secret": {secret}, "issuer": {"Northwind Payroll"}, "period": {strconv.Itoa(totpPeriod)}, "digits": {"6"}}.Encode()}
	key, err := otp.NewKeyFromURL(u.String())
	if err != nil {
		return "", err
	}
	img, err := key.Image(220, 220)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(out.Bytes())), nil
}

// money writes cents as euros.
func money(cents int) string {
	whole := strconv.Itoa(cents / 100)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return fmt.Sprintf("€ %s.%02d", whole, cents%100)
}
