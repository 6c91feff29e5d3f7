package payroll

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/kafka"
)

// Config of the app.
type Config struct {
	// Listen is the address to serve on.
	Listen string
	// NATSURL is riskd's broker.
	NATSURL string
	// Broker is kafka://host:port[,host:port...][?prefix=...] where riskd is on Kafka; empty or nats: NATSURL.
	Broker string
	// Origin is the URL under which browsers see the app. Empty: http://localhost and the port of Listen.
	Origin string
	// Tenant of the app's events. Default northwind.
	Tenant string
	// TrustForwarded takes the client's address from the last entry of X-Forwarded-For.
	TrustForwarded bool
	// MaxStaleness of the guard, on all routes. Default 10 s.
	MaxStaleness time.Duration
}

// DefaultConfig suits a riskd on the same machine.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8490", NATSURL: "nats://127.0.0.1:4222", Tenant: "northwind", MaxStaleness: 10 * time.Second,
	}
}

// Validate names all faults.
func (c Config) Validate() error {
	var errs []error
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		errs = append(errs, fmt.Errorf("listen: %w", err))
	}
	if c.NATSURL == "" {
		errs = append(errs, errors.New("nats-url is empty"))
	}
	if c.Tenant == "" {
		errs = append(errs, errors.New("tenant is empty"))
	}
	if c.MaxStaleness <= 0 {
		errs = append(errs, errors.New("max staleness must be positive"))
	}
	if c.Origin == "" {
		if ip := net.ParseIP(host); host != "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) || port == "0" {
			errs = append(errs, fmt.Errorf("origin is needed when listening on %s", c.Listen))
		}
	} else if u, err := url.Parse(c.Origin); err != nil || u.Host == "" || u.Path != "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, fmt.Errorf("origin %q is not like https://payroll.example.com", c.Origin))
	}
	return errors.Join(errs...)
}

// origin is Origin or its default.
func (c Config) origin() *url.URL {
	text := c.Origin
	if text == "" {
		_, port, _ := net.SplitHostPort(c.Listen)
		text = "http://localhost:" + port
	}
	u, _ := url.Parse(text) // checked by Validate
	return u
}

// join joins riskd over the broker it is on.
func (c Config) join(opts ...sdk.Option) (*sdk.Client, error) {
	if c.Broker == "" || c.Broker == "nats" {
		return sdk.Connect(c.NATSURL, source, opts...)
	}
	cfg, err := kafka.ParseURL(c.Broker)
	if err != nil {
		return nil, err
	}
	return kafka.Connect(cfg, source, opts...)
}
