package scorer

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

func init() { children["nats"] = runServer }

// away is a server in a process of its own on the same machine, as brokers run: what it keeps in memory is not looked through by the
// collector of those who are measured.
type away struct {
	*natstest.Broker
	cmd *exec.Cmd
}

func startAway(t testing.TB, partitions int) *away { return startAwayIn(t, t.TempDir(), partitions) }

// startAwayIn is startAway with its files in dir, which may have those of an earlier one.
func startAwayIn(t testing.TB, dir string, partitions int) *away {
	t.Helper()
	addr := servicetest.FreeAddress(t)
	cmd := spawn(t, "nats "+addr+" "+dir+" "+strconv.Itoa(partitions))
	url := "nats://" + addr
	topo := natsjs.DefaultTopology()
	topo.Partitions = partitions
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := madeAt(url, partitions)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	return &away{natstest.At(t, url, topo), cmd}
}

// stop ends the server, and what it has is in its files.
func (a *away) stop(t testing.TB) {
	t.Helper()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// madeAt tells whether the server is there with all its streams.
func madeAt(url string, partitions int) error {
	nc, err := natsjs.Connect(url, "bench", nats.Timeout(time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	// Its child answers on a subject of its own when it has made everything.
	m, err := nc.Request("bench.made", nil, time.Second)
	if err != nil {
		return err
	}
	if string(m.Data) != strconv.Itoa(partitions) {
		return errors.New("the server has another number of partitions")
	}
	return nil
}

// runServer is the child "nats <addr> <dir> <partitions>".
func runServer(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	touch(service.KeepHeapRoom(0)) // as in riskd
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = args[1], args[2]
	emb, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer emb.Stop()
	topo := natsjs.DefaultTopology()
	if topo.Partitions, err = strconv.Atoi(args[3]); err != nil {
		return err
	}
	if _, err := emb.Setup(ctx, topo); err != nil {
		return err
	}
	nc, err := emb.Connect("made")
	if err != nil {
		return err
	}
	defer nc.Close()
	if _, err := nc.Subscribe("bench.made", func(m *nats.Msg) { _ = m.Respond([]byte(args[3])) }); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// touch makes a process what it is after its first collections: its heap's room, so many bytes, is memory that the system has given it. In one that was
// just started each page of it is asked for and cleared once, up to 2 µs of an event, and it would be told by who comes first.
func touch(bytes uint64) {
	const page = 4 << 10
	room := make([]byte, bytes)
	for at := 0; at < len(room); at += page {
		room[at] = 1
	}
	runtime.KeepAlive(room)
	runtime.GC()
}

// measure runs do over n stored events.
func (a *away) measure(n int, do func()) cost {
	server := kafkatest.CPUOf(a.cmd.Process.Pid)
	c := measure(n, do)
	c.Broker = (kafkatest.CPUOf(a.cmd.Process.Pid) - server) / float64(n) * 1e6
	c.CPU += c.Broker
	return c
}

// cpuSeconds is what this process and the server have used.
func (a *away) cpuSeconds() float64 { return cpuSeconds() + kafkatest.CPUOf(a.cmd.Process.Pid) }
