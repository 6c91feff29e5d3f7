package gateway

import (
	"errors"
	"fmt"
	"time"
)

// ListenFlag is the name of the flag that holds Config.Listen.
const ListenFlag = "gateway-listen"

// Config of the role.
type Config struct {
	// Listen is host:port. Default 127.0.0.1:8480.
	Listen string
	// MaxBody bounds a request's body, bytes. Default 1 MiB.
	MaxBody int64
	// MaxRequests is how many POSTs may be under way at once; more are told to come again.
	// Default 128.
	MaxRequests int
	// MaxStreams is how many signal streams may be open at once. Default 256.
	MaxStreams int
	// EventsPerSecond and Burst bound what one API key may publish. Defaults 20000 and 40000.
	EventsPerSecond float64
	Burst           int
	// MaxFuture is how far an event's time may lie ahead of this clock. Default 5 min.
	MaxFuture time.Duration
	// RequestTimeout bounds a request other than a stream: a third of it for the body to arrive, a
	// third for the broker, the rest for the answer. Default 15 s.
	RequestTimeout time.Duration
	// Heartbeat is how often an idle stream is written to. Default 15 s.
	Heartbeat time.Duration
	// StreamWrite is how long one write to a stream may take before its client is dropped as too
	// slow. Default 10 s.
	StreamWrite time.Duration
	// ReloadKeys is how often the key file is looked at. Default 10 s.
	ReloadKeys time.Duration
}

// DefaultConfig listens on loopback.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8480", MaxBody: 1 << 20, MaxRequests: 128, MaxStreams: 256,
		EventsPerSecond: 20_000, Burst: 40_000, MaxFuture: 5 * time.Minute,
		RequestTimeout: 15 * time.Second, Heartbeat: 15 * time.Second, StreamWrite: 10 * time.Second,
		ReloadKeys: 10 * time.Second,
	}
}

// Validate joins all faults.
func (c Config) Validate() error {
	var errs []error
	if c.Listen == "" {
		errs = append(errs, errors.New("gateway listen: empty"))
	}
	if c.MaxBody < 1<<10 || c.MaxBody > 64<<20 {
		errs = append(errs, fmt.Errorf("gateway max body: %d is outside 1 KiB to 64 MiB", c.MaxBody))
	}
	if c.MaxRequests < 1 || c.MaxStreams < 1 {
		errs = append(errs, errors.New("gateway max requests and max streams must be at least 1"))
	}
	if c.EventsPerSecond <= 0 || c.Burst < 1 {
		errs = append(errs, errors.New("gateway events per second and burst must be positive"))
	}
	if c.MaxFuture < 0 || c.RequestTimeout <= 0 || c.Heartbeat <= 0 || c.StreamWrite <= 0 || c.ReloadKeys <= 0 {
		errs = append(errs, errors.New("gateway: times must be positive"))
	}
	return errors.Join(errs...)
}
