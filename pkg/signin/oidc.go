package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/riskd-io/riskd/pkg/service"
)

// OIDCConfig is your OpenID Connect provider. The code flow with PKCE is used.
type OIDCConfig struct {
	// Issuer is the provider's address, without /.well-known/...; empty: none.
	Issuer string
	// Name is what the button says. Default "your organisation".
	Name string
	// ClientID and ClientSecret are what the provider knows the console by; a public client has no secret.
	ClientID     string
	ClientSecret service.Secret
	// URL is where the console is for browsers; URL + /oidc/callback has to be registered with the provider.
	URL string
	// Scopes besides openid. Default profile, email.
	Scopes []string
	// RoleClaim is the claim that lists a person's groups or roles: a text or a list of texts. Default "groups".
	RoleClaim string
	// Viewers, Analysts and Admins are the values of it that give the roles. "*" is everybody. Default none.
	Viewers, Analysts, Admins []string
}

// DefaultOIDCConfig has no provider.
func DefaultOIDCConfig() OIDCConfig {
	return OIDCConfig{Name: "your organisation", Scopes: []string{"profile", "email"}, RoleClaim: "groups"}
}

func (c OIDCConfig) validate() error {
	if c.Issuer == "" {
		return nil
	}
	var errs []error
	for key, v := range map[string]string{"issuer": c.Issuer, "url": c.URL} {
		u, err := url.Parse(v)
		loop := err == nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127."))
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loop) {
			errs = append(errs, fmt.Errorf("console.oidc.%s: %q is not an https address", key, v))
		}
	}
	if c.ClientID == "" {
		errs = append(errs, errors.New("console.oidc.client-id: is needed"))
	}
	if len(c.Viewers)+len(c.Analysts)+len(c.Admins) == 0 {
		errs = append(errs, errors.New("console.oidc: nobody would have a role; name viewers, analysts or admins"))
	}
	return errors.Join(errs...)
}

// ErrProvider is wrapped when the provider cannot be asked or does not vouch for the person; ErrNoRole when it does, and
// nothing gives them a role here.
var (
	ErrProvider = errors.New("the provider did not sign you in")
	ErrNoRole   = errors.New("you are known, but have no role in this console: ask its administrator")
)

// provider is looked up once, when it is first needed: it may be away at the start.
type provider struct {
	cfg OIDCConfig
	mu  sync.Mutex
	got *oidc.Provider
}

func (p *provider) find(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.got != nil {
		return p.got, nil
	}
	// The provider keeps the context for fetching keys later on: it must not end with this request.
	got, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Timeout: 10 * time.Second}), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	p.got = got
	return got, nil
}

func (p *provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret.Reveal(), Endpoint: found.Endpoint(),
		RedirectURL: strings.TrimSuffix(p.cfg.URL, "/") + "/oidc/callback", Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...)}
}

// trip is what the browser keeps while it is at the provider.
type trip struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Next     string    `json:"t"`
	Until    time.Time `json:"u"`
}

const (
	tripCookie = "riskd-oidc"
	tripTime   = 10 * time.Minute
)

// Start is where to send the browser: the provider's page.
func (d *Desk) Start(w http.ResponseWriter, r *http.Request, next string) (string, error) {
	if d.oidc == nil {
		return "", ErrProvider
	}
	found, err := d.oidc.find(r.Context())
	if err != nil {
		return "", err
	}
	t := trip{State: fresh(), Nonce: fresh(), Verifier: oauth2.GenerateVerifier(), Next: next, Until: d.now().Add(tripTime)}
	text, err := d.seal.put("trip", t)
	if err != nil {
		return "", err
	}
	http.SetCookie(w, &http.Cookie{Name: tripCookie, Value: text, Path: "/oidc/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure(r), Expires: t.Until})
	return d.oidc.oauth(found).AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), nil
}

// Callback takes the browser back from the provider and signs the person in; next is where they wanted to go.
func (d *Desk) Callback(w http.ResponseWriter, r *http.Request) (p Person, next string, err error) {
	if d.oidc == nil {
		return p, "", ErrProvider
	}
	var t trip
	c, err := r.Cookie(tripCookie)
	if err != nil || d.seal.get("trip", c.Value, &t) != nil || d.now().After(t.Until) {
		return p, "", fmt.Errorf("%w: it took too long, or began in another browser", ErrProvider)
	}
	http.SetCookie(w, &http.Cookie{Name: tripCookie, Path: "/oidc/", MaxAge: -1, HttpOnly: true, Secure: secure(r)})
	q := r.URL.Query()
	if q.Get("state") != t.State {
		return p, "", fmt.Errorf("%w: the answer belongs to another attempt", ErrProvider)
	}
	if why := q.Get("error"); why != "" {
		return p, "", fmt.Errorf("%w: %.100q", ErrProvider, why)
	}
	g, err := d.vouched(r.Context(), q.Get("code"), t)
	if err != nil {
		return p, "", err
	}
	p, err = d.admit(w, r, g)
	return p, t.Next, err
}

// vouched redeems the code and reads who the provider says it is.
func (d *Desk) vouched(ctx context.Context, code string, t trip) (grant, error) {
	found, err := d.oidc.find(ctx)
	if err != nil {
		return grant{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	token, err := d.oidc.oauth(found).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return grant{}, fmt.Errorf("%w: redeeming the code: %w", ErrProvider, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return grant{}, fmt.Errorf("%w: no id token came", ErrProvider)
	}
	id, err := found.Verifier(&oidc.Config{ClientID: d.cfg.OIDC.ClientID, Now: d.now}).Verify(ctx, raw)
	if err != nil {
		return grant{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if id.Nonce != t.Nonce {
		return grant{}, fmt.Errorf("%w: the token belongs to another attempt", ErrProvider)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return grant{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if _, here := claims[d.cfg.OIDC.RoleClaim]; !here { // some providers tell it only there
		if info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token)); err == nil && info.Subject == id.Subject {
			_ = info.Claims(&claims) // what cannot be read gives no role
		}
	}
	role := d.cfg.OIDC.role(claims[d.cfg.OIDC.RoleClaim])
	if role == "" {
		return grant{}, ErrNoRole
	}
	return grant{Name: called(claims, id.Subject), Role: role}, nil
}

// called is what a person is called in the audit: a verified address, else the provider's name for them.
func called(claims map[string]any, subject string) string {
	if verified, _ := claims["email_verified"].(bool); verified {
		if mail, _ := claims["email"].(string); validName(mail) == nil {
			return mail
		}
	}
	if name, _ := claims["preferred_username"].(string); validName(name) == nil {
		return name
	}
	if validName(subject) == nil {
		return subject
	}
	return "unnamed"
}

// role is the most that the values of the claim give.
func (c OIDCConfig) role(claim any) Role {
	var values []string
	switch v := claim.(type) {
	case string:
		values = []string{v}
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				values = append(values, s)
			}
		}
	}
	has := func(list []string) bool {
		return slices.Contains(list, "*") || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(list, v) })
	}
	switch {
	case has(c.Admins):
		return Admin
	case has(c.Analysts):
		return Analyst
	case has(c.Viewers):
		return Viewer
	}
	return ""
}
