package kafkatest

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
)

// clockTick is the unit of /proc/PID/stat on every Linux that Go runs on, in seconds.
const clockTick = 0.01

// CPUSeconds is what the broker's process has used so far; 0 where the system does not tell.
func (s *Server) CPUSeconds() float64 { return CPUOf(s.cmd.Process.Pid) }

// CPUOf is what a process has used, seconds; 0 where there is no /proc.
func CPUOf(pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) * clockTick
}

func client(t testing.TB, cfg kafka.Config, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cfg.Brokers...))...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// Consume reads all that is committed of one of riskd's topics with a bare consumer, and does nothing with it: the broker's own speed.
func Consume(t testing.TB, cfg kafka.Config, name string) (records, bytes int) {
	t.Helper()
	visit(t, cfg, name, kgo.ReadCommitted(), func(r *kgo.Record) { records, bytes = records+1, bytes+len(r.Value) })
	return records, bytes
}

// visit reads a topic to its end, which for a reader of what is committed is where the first open transaction begins.
func visit(t testing.TB, cfg kafka.Config, name string, level kgo.IsolationLevel, each func(*kgo.Record)) {
	t.Helper()
	topic := cfg.Prefix + name
	cl := client(t, cfg, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(level),
		kgo.KeepControlRecords(), kgo.FetchMaxBytes(32<<20), kgo.FetchMaxPartitionBytes(2<<20))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	list := kadm.NewClient(cl).ListEndOffsets
	if level == kgo.ReadCommitted() {
		list = kadm.NewClient(cl).ListCommittedOffsets
	}
	ends, err := list(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	open := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			open[o.Partition] = o.Offset
		}
	})
	for len(open) > 0 {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("consuming %s: %v", topic, ctx.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= open[r.Partition] {
				delete(open, r.Partition)
			}
			if !r.Attrs.IsControl() {
				each(r)
			}
		})
	}
}

// StoredBytes is what one of riskd's topics takes on the broker's disk.
func StoredBytes(t testing.TB, cfg kafka.Config, name string) (sum int64) {
	t.Helper()
	cl := client(t, cfg)
	defer cl.Close()
	dirs, err := kadm.NewClient(cl).DescribeAllLogDirs(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		for _, p := range d.Topics[cfg.Prefix+name] {
			sum += p.Size
		}
	})
	return sum
}

// Stored is what one of riskd's topics holds, and what of it is committed, each without the marks of transactions, in no order of
// partitions.
func Stored(t testing.TB, cfg kafka.Config, name string) (all, committed [][]byte) {
	t.Helper()
	for _, r := range []struct {
		out  *[][]byte
		from kgo.IsolationLevel
	}{{&all, kgo.ReadUncommitted()}, {&committed, kgo.ReadCommitted()}} {
		visit(t, cfg, name, r.from, func(rec *kgo.Record) { *r.out = append(*r.out, rec.Value) })
	}
	return all, committed
}
