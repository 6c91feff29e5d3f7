package kafka_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/kafka"
	"github.com/riskd-io/riskd/pkg/sdk/sdktest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const source = "//acme/apps/web"

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// cluster is kfake with what it holds in a folder, so that it can be ended and come back.
type cluster struct {
	t    testing.TB
	dir  string
	port int
	c    *kfake.Cluster
	cl   *kgo.Client
}

func start(t testing.TB) *cluster {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &cluster{t: t, dir: t.TempDir(), port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	k.Restart()
	t.Cleanup(k.Stop)
	return k
}

func (k *cluster) addr() string { return "127.0.0.1:" + strconv.Itoa(k.port) }

func (k *cluster) Restart() {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(k.port), kfake.DataDir(k.dir), kfake.SeedTopics(2, "riskd.events"), kfake.SeedTopics(1, "riskd.signals", "riskd.notices"))
	if err != nil {
		k.t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.addr()))
	if err != nil {
		k.t.Fatal(err)
	}
	k.c, k.cl = c, cl
}

func (k *cluster) Stop() {
	if k.c != nil {
		k.cl.Close()
		k.c.Close()
		k.c = nil
	}
}

func (k *cluster) Connect(opts ...sdk.Option) (*sdk.Client, error) {
	return kafka.Connect(kafka.Config{Brokers: []string{k.addr()}, Heartbeat: sdktest.Heartbeat}, source,
		append([]sdk.Option{sdk.WithTenant("acme"), sdk.WithLogger(quiet)}, opts...)...)
}

func (k *cluster) Put(sig *riskdv1.Signal) {
	data, err := sig.MarshalVT()
	if err != nil {
		k.t.Fatal(err)
	}
	k.put(subject.Key(sig.TenantId, sig.SessionId)+"."+subject.Token(sig.UserId), data, time.Now())
}

func (k *cluster) put(key string, data []byte, at time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := k.cl.ProduceSync(ctx, &kgo.Record{Topic: "riskd.signals", Key: []byte(key), Value: data, Timestamp: at}).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *cluster) Events(n int) (out []*riskdv1.Event) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.addr()), kgo.ConsumeTopics("riskd.events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		k.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for len(out) < n && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			ev := new(riskdv1.Event)
			if err := ev.UnmarshalVT(r.Value); err != nil || string(r.Key) != ev.TenantId+":"+ev.User.Id {
				k.t.Errorf("key %s: %v", r.Key, err)
			}
			out = append(out, ev)
		})
	}
	return out
}

func TestAnApplicationGetsOnKafkaWhatItMayExpect(t *testing.T) {
	sdktest.Run(t, func(tb testing.TB) sdktest.Installation { return start(tb) })
}

func guarded(t *testing.T, k *cluster) *sdk.Guard {
	t.Helper()
	c, err := k.Connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(func() { cancel(); _ = c.Close(context.Background()) })
	if err := c.Guard().WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return c.Guard()
}

func becomes(t *testing.T, g *sdk.Guard, session string, want sdk.State) sdk.Verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v, err := g.Wait(ctx, "acme", session, func(v sdk.Verdict) bool { return v.State == want })
	if err != nil {
		t.Fatalf("session %s stayed %s, want %s", session, v.State, want)
	}
	return v
}

func TestUsersOfOneSessionIDEachKeepWhatTheyOwe(t *testing.T) {
	k := start(t)
	g := guarded(t, k)
	one, two := sdktest.Required("s", "ch_1", 1), sdktest.Required("s", "ch_2", 1)
	two.UserId = "u2"
	k.Put(one)
	k.Put(two)
	becomes(t, g, "s", sdk.Required)
	one.State, one.Revision = "satisfied", 2
	k.Put(one)
	k.Put(sdktest.Required("marker", "ch_m", 1))
	becomes(t, g, "marker", sdk.Required)
	if v := g.Check("acme", "s"); v.State != sdk.Required || v.ChallengeID() != "ch_2" {
		t.Errorf("one of two has answered: got %v %s, want what the other owes", v.State, v.ChallengeID())
	}
	two.State, two.Revision = "satisfied", 2
	k.Put(two)
	becomes(t, g, "s", sdk.Clear)
}

func TestAFlagWhoseTimeIsLongOverIsNone(t *testing.T) {
	k := start(t)
	old := sdktest.Required("old", "ch_1", 1)
	old.OnExpiry = "allow"
	data, err := old.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	k.put(subject.Key("acme", "old")+"."+subject.Token("u1"), data, time.Now().Add(-time.Hour))
	k.Put(sdktest.Required("now", "ch_2", 1))
	g := guarded(t, k)
	if got := g.Check("acme", "old").State; got != sdk.Clear {
		t.Errorf("got %v, want clear", got)
	}
	becomes(t, g, "now", sdk.Required)
}

func TestASignalThatCannotBeReadMakesItsSessionUnknown(t *testing.T) {
	k := start(t)
	g := guarded(t, k)
	k.put(subject.Key("acme", "odd")+"."+subject.Token("u1"), []byte{0xff, 0xff, 1}, time.Now())
	becomes(t, g, "odd", sdk.Unknown)
}

func TestWrongSettingsOfAClientAreRefused(t *testing.T) {
	for name, cfg := range map[string]kafka.Config{
		"no brokers": {}, "a partitioner of its own": {Brokers: []string{"a:9092"}, Partitioner: "dice"}, "too short": {Brokers: []string{"a:9092"}, Heartbeat: time.Millisecond},
	} {
		if _, err := kafka.Connect(cfg, source); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAnAddressIsRead(t *testing.T) {
	cfg, err := kafka.ParseURL("kafka://a:9092,b:9092?prefix=r.&partitioner=librdkafka")
	if err != nil || len(cfg.Brokers) != 2 || cfg.Brokers[1] != "b:9092" || cfg.Prefix != "r." || cfg.Partitioner != kafka.Librdkafka {
		t.Errorf("got %+v, %v", cfg, err)
	}
	for _, bad := range []string{"nats://a", "kafka://", "kafka://me:secret@a:9092", "kafka://a:9092?colour=red"} {
		if _, err := kafka.ParseURL(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}
