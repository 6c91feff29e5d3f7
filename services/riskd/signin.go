package main

import (
	"flag"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
)

// bindSignIn is who may use the console.
func (c *Config) bindSignIn(fs *flag.FlagSet) {
	s, o := &c.SignIn, &c.SignIn.OIDC
	fs.StringVar(&s.Users, "console-users", s.Users, "`file` of local users (riskctl console user); empty: console.users.json in the data folder")
	fs.BoolVar(&c.Console.TrustForwarded, "console-trust-forwarded", c.Console.TrustForwarded, "take browsers' addresses from X-Forwarded-For: only behind a proxy that writes it")
	fs.StringVar(&c.ConsoleKey, "console-key", c.ConsoleKey, "`file` of what cookies are sealed with, shared by replicas; empty: console.key in the data folder, made at the first start")
	fs.DurationVar(&s.Absolute, "console-session", s.Absolute, "`time` after which people sign in again whatever they do")
	fs.DurationVar(&s.Idle, "console-idle", s.Idle, "`time` without use after which they sign in again")
	fs.StringVar(&o.Issuer, "console-oidc-issuer", o.Issuer, "`address` of your OpenID Connect provider; empty: local users only")
	fs.StringVar(&o.Name, "console-oidc-name", o.Name, "what the button calls it")
	fs.StringVar(&o.ClientID, "console-oidc-client-id", o.ClientID, "`id` of the console there")
	fs.Var(&o.ClientSecret, "console-oidc-client-secret", "`secret` of the console there; none for a public client")
	fs.StringVar(&o.URL, "console-oidc-url", o.URL, "`address` of the console for browsers; /oidc/callback below it is registered there")
	fs.Var((*list)(&o.Scopes), "console-oidc-scopes", "scopes to ask for besides openid (comma list)")
	fs.StringVar(&o.RoleClaim, "console-oidc-role-claim", o.RoleClaim, "`claim` that lists a person's groups")
	fs.Var((*list)(&o.Viewers), "console-oidc-viewers", "groups that may look (comma list); * is everybody")
	fs.Var((*list)(&o.Analysts), "console-oidc-analysts", "groups that may also act (comma list)")
	fs.Var((*list)(&o.Admins), "console-oidc-admins", "groups that may also read the audit (comma list)")
}

// desk is who signs people in to the console. Without users and without a provider it makes a first user.
func (c *Config) desk(log *slog.Logger) (*signin.Desk, error) {
	files := signin.FilesIn(c.Data)
	if c.SignIn.Users != "" {
		files.Users = c.SignIn.Users
	}
	if c.ConsoleKey != "" {
		files.Key = c.ConsoleKey
	}
	if c.SignIn.OIDC.Issuer == "" {
		made, err := signin.First(files, time.Now())
		if err != nil {
			return nil, err
		}
		if made {
			log.Info("made a first console user", "name", signin.FirstUser, "password_file", files.Password)
		}
	}
	key, err := signin.Key(files.Key)
	if err != nil {
		return nil, err
	}
	settings := c.SignIn
	settings.Users = ""
	if exists(files.Users) {
		settings.Users = files.Users
	}
	if exists(files.Password) && loopbackOnly(c.Console.Listen) {
		c.Console.Hint = "user " + signin.FirstUser + ", password in " + near(files.Password)
	}
	return signin.NewDesk(settings, key)
}

func loopbackOnly(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	a, notIP := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || notIP == nil && a.IsLoopback())
}
