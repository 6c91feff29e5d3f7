package service

import (
	"log/slog"
	"net/url"
)

const hidden = "(hidden)"

// Secret is a configured password, key or address with a password in it. It never prints:
// String, JSON, slog and the formatting verbs all show "(hidden)", and "" when it is empty.
// Call Reveal where the value is used.
type Secret string

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return `service.Secret("` + s.String() + `")` }

// MarshalText hides the value from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Set makes a *Secret a flag.Value.
func (s *Secret) Set(v string) error {
	*s = Secret(v)
	return nil
}

// RedactURL is raw without its user's password, fit for logs. What does not parse as a URL is
// hidden as a whole.
func RedactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return hidden
	}
	return u.Redacted()
}
