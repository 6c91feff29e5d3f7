package signaler

import (
	"errors"
	"fmt"
	"time"
)

// Config of the role.
type Config struct {
	// Slack is added to a flag's life before it counts as unanswered: answers under way still arrive. Default 2 s.
	Slack time.Duration
	// RetryEvery is when an expiry that changed nothing is reported again; the wait doubles from then on. Default 5 min.
	RetryEvery time.Duration
	// ReconcileEvery is how often the bucket is compared with the signals. It is also done at the start. Default 15 min.
	ReconcileEvery time.Duration
	// MaxFlags bounds the open flags and the sessions compared. Default 1,000,000. Flags beyond it are left to
	// their time-to-live.
	MaxFlags int
}

// DefaultConfig is fit for production.
func DefaultConfig() Config {
	return Config{Slack: 2 * time.Second, RetryEvery: 5 * time.Minute, ReconcileEvery: 15 * time.Minute, MaxFlags: 1_000_000}
}

// Validate joins all faults.
func (c Config) Validate() error {
	var errs []error
	if c.Slack < 0 {
		errs = append(errs, fmt.Errorf("signaler slack: %s is negative", c.Slack))
	}
	if c.RetryEvery <= 0 || c.RetryEvery > 24*time.Hour || c.ReconcileEvery <= 0 {
		errs = append(errs, errors.New("signaler: intervals must be positive, and retry every at most a day"))
	}
	if c.MaxFlags < 1 {
		errs = append(errs, fmt.Errorf("signaler max flags: %d is below 1", c.MaxFlags))
	}
	return errors.Join(errs...)
}
