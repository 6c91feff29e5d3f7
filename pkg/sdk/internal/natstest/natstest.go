// Package natstest runs a real NATS server with JetStream inside a test and lays out of riskd's topology
// what the SDK touches. It is not riskd: flags are put by hand.
//
// A Server may be used by several goroutines; Stop and Restart by one.
package natstest

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// Server is a NATS server on a port of its own, with its store in a temporary directory.
type Server struct {
	URL string
	// NC is the test's own connection, JS and KV on top of it.
	NC *nats.Conn
	JS jetstream.JetStream
	KV jetstream.KeyValue

	opts *server.Options
	srv  *server.Server
	fail func(format string, args ...any)
}

// Start runs a server until the test ends, with an events stream per partition and the bucket of flags.
func Start(tb testing.TB, partitions int) *Server {
	tb.Helper()
	dir := tb.TempDir()
	s, stop := run(dir, tb.Fatalf)
	tb.Cleanup(stop)
	s.Topology(partitions)
	return s
}

// Bare is Start without the topology: an installation that is not there yet.
func Bare(tb testing.TB) *Server {
	tb.Helper()
	s, stop := run(tb.TempDir(), tb.Fatalf)
	tb.Cleanup(stop)
	return s
}

// Example is Start for runnable examples, which have no testing.TB.
func Example(partitions int) (s *Server, stop func()) {
	dir, err := os.MkdirTemp("", "riskd-sdk-example")
	if err != nil {
		panic(err)
	}
	s, halt := run(dir, func(string, ...any) { panic("nats server") })
	s.Topology(partitions)
	return s, func() { halt(); _ = os.RemoveAll(dir) }
}

func run(dir string, fail func(string, ...any)) (*Server, func()) {
	s := &Server{fail: fail, opts: &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	}}
	s.start()
	nc, err := nats.Connect(s.URL, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	s.must(err)
	s.NC = nc
	s.JS, err = jetstream.New(nc)
	s.must(err)
	return s, func() { nc.Close(); s.Stop() }
}

func (s *Server) start() {
	srv, err := server.NewServer(s.opts)
	s.must(err)
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		s.fail("nats server did not start")
	}
	s.srv, s.URL = srv, srv.ClientURL()
	s.opts.Port = srv.Addr().(*net.TCPAddr).Port
}

// Stop ends the server as a crash would look to its clients.
func (s *Server) Stop() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}

// Restart brings the server back on the same port with the same store.
func (s *Server) Restart() { s.start() }

// Topology makes the streams and the bucket.
func (s *Server) Topology(partitions int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for p := range partitions {
		_, err := s.JS.CreateStream(ctx, jetstream.StreamConfig{
			Name: subject.EventsStream(p), Subjects: []string{subject.EventsPartitioned + "." + strconv.Itoa(p) + ".*.*"},
			Duplicates: time.Minute, Metadata: map[string]string{subject.PartitionsMetadata: strconv.Itoa(partitions)},
		})
		s.must(err)
	}
	kv, err := s.JS.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: subject.StepUpBucket, History: 1, LimitMarkerTTL: time.Minute})
	s.must(err)
	s.KV = kv
}

// Put writes a flag under its session's key.
func (s *Server) Put(sig *riskdv1.Signal) {
	data, err := sig.MarshalVT()
	s.must(err)
	s.retry(func(ctx context.Context) error {
		_, err := s.KV.Put(ctx, subject.Key(sig.TenantId, sig.SessionId), data)
		return err
	})
}

// PutFor writes a flag that the bucket forgets after ttl.
func (s *Server) PutFor(sig *riskdv1.Signal, ttl time.Duration) {
	data, err := sig.MarshalVT()
	s.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = s.KV.Create(ctx, subject.Key(sig.TenantId, sig.SessionId), data, jetstream.KeyTTL(ttl))
	s.must(err)
}

// Delete removes a session's flag.
func (s *Server) Delete(tenant, session string) {
	s.retry(func(ctx context.Context) error { return s.KV.Delete(ctx, subject.Key(tenant, session)) })
}

// retry rides out a connection that has not yet noticed a restart.
func (s *Server) retry(do func(context.Context) error) {
	var err error
	for range 10 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = do(ctx)
		cancel()
		if err == nil {
			return
		}
	}
	s.must(err)
}

// Events returns the next n events of a partition, oldest first, and their messages.
func (s *Server) Events(partition, n int) ([]*riskdv1.Event, []jetstream.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cons, err := s.JS.OrderedConsumer(ctx, subject.EventsStream(partition), jetstream.OrderedConsumerConfig{})
	s.must(err)
	var events []*riskdv1.Event
	var msgs []jetstream.Msg
	for len(events) < n {
		m, err := cons.Next(jetstream.FetchMaxWait(5 * time.Second))
		s.must(err)
		ev := new(riskdv1.Event)
		s.must(ev.UnmarshalVT(m.Data()))
		events, msgs = append(events, ev), append(msgs, m)
	}
	return events, msgs
}

// Stored is how many events a partition holds.
func (s *Server) Stored(partition int) uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, err := s.JS.Stream(ctx, subject.EventsStream(partition))
	s.must(err)
	return st.CachedInfo().State.Msgs
}

// Required is a flag that asks for aal2, for tests to alter.
func Required(tenant, session, challenge string, revision uint64) *riskdv1.Signal {
	now := time.Now()
	return &riskdv1.Signal{
		ChallengeId: challenge, Revision: revision, TenantId: tenant, UserId: "u1", SessionId: session, State: "required",
		Risk:       &riskdv1.SignalRisk{Score: 97.25, Level: "high", Reasons: []string{"impossible_travel"}},
		Require:    &riskdv1.Requirement{AcrValues: []string{"aal2"}, AmrValues: []string{"otp", "hwk"}},
		IssuedAtMs: now.UnixMilli(), ExpiresAtMs: now.Add(15 * time.Minute).UnixMilli(), OnExpiry: "deny",
		ReasonUser: "Please confirm it is you.",
	}
}

func (s *Server) must(err error) {
	if err != nil {
		s.fail("nats test server: %v", err)
	}
}
