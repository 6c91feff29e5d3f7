package sdk

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Defaults of a client, and their reasons.
const (
	// DefaultQueue holds a few seconds of a busy application's events while the broker is away.
	DefaultQueue = 16384
	// DefaultHeartbeat is how often the broker proves that the guard is current. It bounds what
	// RouteConfig.MaxStaleness can sensibly be: at least twice this.
	DefaultHeartbeat = time.Second
	// DefaultResync is how often the guard reads the whole bucket again, against anything missed.
	DefaultResync = 5 * time.Minute
	// DefaultMaxFlags bounds the guard's memory; a flag takes about 1 KiB.
	DefaultMaxFlags = 1 << 20
)

type options struct {
	tenant     string
	source     string
	conn       *nats.Conn
	broker     Broker
	natsURL    string
	natsOpts   []nats.Option
	gateway    *url.URL
	apiKey     string
	http       *http.Client
	partitions int
	queue      int
	heartbeat  time.Duration
	resync     time.Duration
	maxFlags   int
	acrOrder   []string
	onGuard    func(GuardEvent)
	log        *slog.Logger
	now        func() time.Time
	errs       []error
}

// Option configures a [Client].
type Option func(*options)

// WithTenant sets the tenant of events that name none.
func WithTenant(tenant string) Option { return func(o *options) { o.tenant = tenant } }

// WithConn uses a NATS connection of the application's own. Close leaves it open. Give it a short [nats.PingInterval]: by default a node that was stopped, or
// whose network is gone, is left after four to six minutes, and the guard is stale until then. Behind a node that answers and has lost the others of its cluster the guard is
// stale too, and does not move a connection that is not its own: [GuardEvent] says so, [nats.Conn.ForceReconnect] does it.
func WithConn(nc *nats.Conn) Option { return func(o *options) { o.conn = nc } }

// WithNATSOptions adds to the options of the connection that [Connect] makes: credentials, TLS, ...
func WithNATSOptions(opts ...nats.Option) Option {
	return func(o *options) { o.natsOpts = append(o.natsOpts, opts...) }
}

// WithGateway reports events over HTTP, to riskd's gateway, instead of NATS. The guard still needs NATS:
// a client with a gateway alone reports and cannot enforce.
func WithGateway(baseURL, apiKey string) Option {
	return func(o *options) {
		u, err := url.Parse(strings.TrimRight(baseURL, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			o.errs = append(o.errs, fmt.Errorf("gateway address %q is not an http URL", baseURL))
			u = &url.URL{}
		}
		o.gateway, o.apiKey = u, apiKey
	}
}

// WithHTTPClient sets the client for the gateway. The default gives up on a request after 15 s.
func WithHTTPClient(c *http.Client) Option { return func(o *options) { o.http = c } }

// WithPartitions tells the installation's partition count, which the client otherwise asks for.
func WithPartitions(n int) Option {
	return func(o *options) {
		o.partitions = n
		if n < 1 {
			o.errs = append(o.errs, errors.New("partitions must be at least 1"))
		}
	}
}

// WithQueue bounds how many events wait for their acknowledgement; more are dropped and counted.
func WithQueue(n int) Option {
	return func(o *options) {
		o.queue = n
		if n < 1 {
			o.errs = append(o.errs, errors.New("queue must be at least 1"))
		}
	}
}

// WithHeartbeat sets how often the broker proves that the guard is current; at least 100 ms.
func WithHeartbeat(d time.Duration) Option {
	return func(o *options) {
		o.heartbeat = d
		if d < 100*time.Millisecond {
			o.errs = append(o.errs, errors.New("heartbeat must be at least 100ms"))
		}
	}
}

// WithResync sets how often the guard reads the whole bucket again.
func WithResync(d time.Duration) Option {
	return func(o *options) {
		o.resync = d
		if d <= 0 {
			o.errs = append(o.errs, errors.New("resync must be positive"))
		}
	}
}

// WithMaxFlags bounds how many flags the guard holds. Beyond it, sessions without a known flag are [Unknown].
func WithMaxFlags(n int) Option {
	return func(o *options) {
		o.maxFlags = n
		if n < 1 {
			o.errs = append(o.errs, errors.New("max flags must be at least 1"))
		}
	}
}

// WithACROrder lists the authentication context classes the application knows, weakest first. The default
// is aal1, aal2, aal3. A class that is not listed is weaker than all.
func WithACROrder(weakestFirst ...string) Option {
	return func(o *options) {
		o.acrOrder = weakestFirst
		if len(weakestFirst) == 0 {
			o.errs = append(o.errs, errors.New("the order of authentication contexts is empty"))
		}
	}
}

// WithGuardEvents calls fn when the guard's state or a flag changes. fn runs on the guard's own goroutine:
// it must be quick and must not call Close.
func WithGuardEvents(fn func(GuardEvent)) Option { return func(o *options) { o.onGuard = fn } }

// WithLogger sets where the client writes. The default is slog.Default. No personal data is logged.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithClock replaces time.Now, for tests. Staleness goes by the machine's own monotonic clock all the same.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

func (o *options) validate() error {
	errs := o.errs
	if u, err := url.Parse(o.source); o.source == "" || err != nil || len(o.source) > MaxSource || u.String() == "" {
		errs = append(errs, fmt.Errorf("source %.64q is not a URI reference such as //acme/apps/web", o.source))
	}
	if len(o.tenant) > MaxID {
		errs = append(errs, fmt.Errorf("tenant is longer than %d bytes", MaxID))
	}
	if o.conn == nil && o.natsURL == "" && o.gateway == nil && o.broker == nil {
		errs = append(errs, errors.New("neither a broker nor a gateway given"))
	}
	if o.log == nil {
		errs = append(errs, errors.New("logger is nil"))
	}
	return errors.Join(errs...)
}
