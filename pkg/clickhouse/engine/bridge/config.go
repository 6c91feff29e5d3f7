package bridge

import (
	"errors"
	"fmt"
	"time"
)

// Config are the bridge's own limits and the users it knows.
type Config struct {
	// User and Password are what clients must present. Neither may be empty.
	User, Password string
	// Reader and ReaderPassword are a second user, who may only read, without sessions. Empty: there is none. The settings
	// profile of that name says how far its settings may be changed, ReaderSettings what they are: name = value, ...
	Reader, ReaderPassword, ReaderSettings string
	// Hosts are the names, without port, that requests may carry in their Host header. A
	// browser that was led here by someone else's name is turned away. Default: loopback names.
	Hosts []string
	// MaxQueries is how many statements run at once; more wait. Default 32.
	MaxQueries int
	// QueueTimeout is how long a statement waits for its turn before it fails with code 202.
	// Default 10s.
	QueueTimeout time.Duration
	// MaxSessions is how many sessions (session_id) may be open. Default 64.
	MaxSessions int
	// SessionTimeout is how long an unused session lives when the client names no
	// session_timeout. Default 60s. MaxSessionTimeout is the longest it may name. Default 1h.
	SessionTimeout, MaxSessionTimeout time.Duration
	// MaxQueryBytes bounds a statement's text and data that must be held whole, such as an
	// INSERT ... SELECT with input(). Streamed data is not bounded. Default 64 MiB.
	MaxQueryBytes int64
	// MaxParameters bounds the settings and query parameters of one request. Default 512.
	MaxParameters int
	// MaxHeld is how much of an answer wait_end_of_query keeps in memory before it goes to a
	// temporary file. Default 8 MiB.
	MaxHeld int64
}

// DefaultConfig returns the defaults, without user and password.
func DefaultConfig() Config {
	return Config{
		Hosts:             []string{"127.0.0.1", "::1", "localhost"},
		MaxQueries:        32,
		QueueTimeout:      10 * time.Second,
		MaxSessions:       64,
		SessionTimeout:    time.Minute,
		MaxSessionTimeout: time.Hour,
		MaxQueryBytes:     64 << 20,
		MaxParameters:     512,
		MaxHeld:           8 << 20,
	}
}

// Validate names every fault.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, key, want string) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s must be %s", key, want))
		}
	}
	check(c.User != "", "User", "set")
	check(c.Password != "", "Password", "set")
	check(c.Reader == "" || c.Reader != c.User && c.ReaderPassword != "", "Reader", "another than User, with a password")
	check(len(c.Hosts) > 0, "Hosts", "set")
	check(c.MaxQueries > 0, "MaxQueries", "positive")
	check(c.QueueTimeout > 0, "QueueTimeout", "positive")
	check(c.MaxSessions > 0, "MaxSessions", "positive")
	check(c.SessionTimeout > 0, "SessionTimeout", "positive")
	check(c.MaxSessionTimeout >= c.SessionTimeout, "MaxSessionTimeout", "at least SessionTimeout")
	check(c.MaxQueryBytes > 0, "MaxQueryBytes", "positive")
	check(c.MaxParameters > 0, "MaxParameters", "positive")
	check(c.MaxHeld > 0, "MaxHeld", "positive")
	return errors.Join(faults...)
}
