package natsjs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/schemas/subject"
)

// Sync says when the embedded server forces written data to the disk itself.
type Sync string

const (
	// SyncDefault leaves it to the operating system and forces every two minutes. It survives kill -9 of the
	// process; a power loss may lose what was acknowledged since.
	SyncDefault Sync = "default"
	// SyncAlways forces before every acknowledgement. It survives power loss and costs
	// most of the throughput of small writes.
	SyncAlways Sync = "always"
)

// EmbeddedConfig describes the server inside the process.
type EmbeddedConfig struct {
	// Listen is host:port; port 0 takes a free one. Default 127.0.0.1:4222.
	Listen string
	// Dir holds JetStream's files; created when missing. Required. One server per directory.
	Dir string
	// Sync is [SyncDefault] or [SyncAlways].
	Sync Sync
	// MaxPayload is the largest message in bytes. Default 8 MiB: a journal record is one message.
	MaxPayload int
	// MaxStore bounds JetStream's files in bytes. 0: three quarters of what the disk has.
	MaxStore int64
	// Token, when set, is what every client has to present.
	Token string
}

// DefaultEmbeddedConfig listens on loopback. Dir stays empty: the caller names it.
func DefaultEmbeddedConfig() EmbeddedConfig {
	return EmbeddedConfig{Listen: "127.0.0.1:4222", Sync: SyncDefault, MaxPayload: 8 << 20}
}

// Validate joins all faults.
func (c EmbeddedConfig) Validate() error {
	var errs []error
	if _, port, err := net.SplitHostPort(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("nats-listen: %q is not host:port: %w", c.Listen, err))
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("nats-listen: port %q (%d) is not a number up to 65535", port, n))
	}
	if c.Dir == "" {
		errs = append(errs, errors.New("nats dir: must be set"))
	}
	if c.Sync != SyncDefault && c.Sync != SyncAlways {
		errs = append(errs, fmt.Errorf("nats-sync: %q is neither %q nor %q", c.Sync, SyncDefault, SyncAlways))
	}
	if c.MaxPayload < 1<<20 || c.MaxPayload > 64<<20 {
		errs = append(errs, fmt.Errorf("nats max payload: %d is outside 1 MiB to 64 MiB", c.MaxPayload))
	}
	return errors.Join(errs...)
}

// Embedded is a running NATS server in this process.
type Embedded struct {
	srv  *server.Server
	lock *os.File
	cfg  EmbeddedConfig
}

// startTimeout bounds how long a start may take; recovering large streams reads their index files.
const startTimeout = 2 * time.Minute

// StartEmbedded starts a server and returns when it takes connections. The caller stops it.
func StartEmbedded(cfg EmbeddedConfig, log *slog.Logger) (*Embedded, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("starting embedded nats: %w", err)
	}
	host, portText, _ := net.SplitHostPort(cfg.Listen)
	port, _ := strconv.Atoi(portText)
	if err := portFree(cfg.Listen); err != nil {
		return nil, err
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting embedded nats: %w", err)
	}
	opts := &server.Options{
		ServerName: "riskd", Host: host, Port: port,
		JetStream: true, StoreDir: cfg.Dir, JetStreamMaxStore: cfg.MaxStore,
		SyncAlways: cfg.Sync == SyncAlways, SyncInterval: 2 * time.Minute,
		MaxPayload: int32(cfg.MaxPayload), MaxPending: 256 << 20,
		JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: -1}, // each guard of an app has a consumer, and the default is a thousand
		NoSigs:          true, Authorization: cfg.Token,
		WriteDeadline: 10 * time.Second,
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		unlockDir(lock)
		return nil, fmt.Errorf("starting embedded nats: %w", err)
	}
	fatal := make(chan string, 1)
	srv.SetLoggerV2(&serverLog{log: log, fatal: fatal}, false, false, false)
	e := &Embedded{srv: srv, lock: lock, cfg: cfg}
	srv.Start()
	deadline := time.Now().Add(startTimeout)
	for !srv.ReadyForConnections(100 * time.Millisecond) {
		select {
		case msg := <-fatal:
			e.Stop()
			if strings.Contains(msg, "address already in use") {
				return nil, &PortTakenError{Addr: cfg.Listen, Err: syscall.EADDRINUSE}
			}
			return nil, fmt.Errorf("starting embedded nats: %s", msg)
		default:
		}
		if time.Now().After(deadline) {
			e.Stop()
			return nil, fmt.Errorf("starting embedded nats: not ready after %s", startTimeout)
		}
	}
	return e, nil
}

// URL is where clients connect, without credentials.
func (e *Embedded) URL() string { return e.srv.ClientURL() }

// Addr is the address listened on.
func (e *Embedded) Addr() net.Addr { return e.srv.Addr() }

// Connect opens a connection to this server.
func (e *Embedded) Connect(name string, opts ...nats.Option) (*nats.Conn, error) {
	if e.cfg.Token != "" {
		opts = append([]nats.Option{nats.Token(e.cfg.Token)}, opts...)
	}
	return Connect(e.URL(), name, opts...)
}

// MapEvents routes riskd.events.<tenant>.<user> to the partition of the user. Call it after
// [Ensure], with the partition count that it returned. A server of your own needs the same line in its
// configuration: see [EventMapping].
func (e *Embedded) MapEvents(partitions int) error {
	src, dst := EventMapping(partitions)
	if err := e.srv.GlobalAccount().AddMapping(src, dst); err != nil {
		return fmt.Errorf("mapping %s: %w", src, err)
	}
	return nil
}

// EventMapping is the server's subject mapping for plain publishers, for nats.conf:
// mappings { "riskd.events.*.*": "riskd.in.{{partition(32,1,2)}}.{{wildcard(1)}}.{{wildcard(2)}}" }.
func EventMapping(partitions int) (src, dst string) {
	return subject.EventsPlain + ".*.*",
		fmt.Sprintf("%s.{{partition(%d,1,2)}}.{{wildcard(1)}}.{{wildcard(2)}}", subject.EventsPartitioned, partitions)
}

// Setup is Ensure and MapEvents over a short connection. It returns the topology as it is.
func (e *Embedded) Setup(ctx context.Context, topo Topology) (Topology, error) {
	nc, err := e.Connect("riskd setup")
	if err != nil {
		return topo, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return topo, fmt.Errorf("opening jetstream: %w", err)
	}
	if topo, err = Ensure(ctx, js, topo); err != nil {
		return topo, err
	}
	return topo, e.MapEvents(topo.Partitions)
}

// Stop closes all connections, writes everything out and waits. It may be called twice.
func (e *Embedded) Stop() {
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
	unlockDir(e.lock)
}

// serverLog turns the server's lines into slog records; its notices are our debug.
type serverLog struct {
	log   *slog.Logger
	fatal chan string
}

func (l *serverLog) Noticef(f string, v ...any) {
	l.log.Debug("nats server", "text", fmt.Sprintf(f, v...))
}
func (l *serverLog) Warnf(f string, v ...any) {
	l.log.Warn("nats server", "text", fmt.Sprintf(f, v...))
}
func (l *serverLog) Errorf(f string, v ...any) {
	l.log.Error("nats server", "text", fmt.Sprintf(f, v...))
}
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}
func (l *serverLog) Fatalf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	l.log.Error("nats server", "text", text)
	select {
	case l.fatal <- text:
	default:
	}
}
