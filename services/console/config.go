package console

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// ListenFlag is the name of the flag that holds Config.Listen.
const ListenFlag = "console-listen"

// Config of the console.
type Config struct {
	// Listen is host:port. Default 127.0.0.1:8481.
	Listen string
	// Hosts are names it may be called by besides the loopback ones, without port, e.g. those of the proxy that ends TLS in
	// front of it. They are required when Listen is not a loopback address. Default none.
	Hosts []string
	// TrustForwarded takes a browser's address from the last entry of X-Forwarded-For, which the proxy in front writes; for
	// limits and the audit. Default false: without a proxy anybody could write it.
	TrustForwarded bool
	// Refresh is how often live parts ask again. Default 2s.
	Refresh time.Duration
	// Rows of the live feed. Default 60.
	Rows int
	// Hint is shown where people sign in, e.g. where the first password is. Default none.
	Hint string
}

// DefaultConfig is the console of one machine.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:8481", Refresh: 2 * time.Second, Rows: 60}
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("console.listen: %q is not host:port", c.Listen))
	case !loopback(host) && len(c.Hosts) == 0:
		errs = append(errs, fmt.Errorf("console.hosts: %q can be reached by others; name the hosts that people call it by (its sign-in needs TLS there), or listen on 127.0.0.1", c.Listen))
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/: ") {
			errs = append(errs, fmt.Errorf("console.hosts: %q is not a host name", h))
		}
	}
	if c.Refresh < 250*time.Millisecond {
		errs = append(errs, fmt.Errorf("console.refresh: %v, must be at least 250ms", c.Refresh))
	}
	if c.Rows < 1 || c.Rows > 500 {
		errs = append(errs, fmt.Errorf("console.rows: %d, must be 1 to 500", c.Rows))
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
