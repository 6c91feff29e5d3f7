//go:build integration

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

// says runs riskctl and looks for a text in what it prints.
func (h *house) says(want string, args ...string) {
	h.t.Helper()
	if out := h.riskctl(args...); !strings.Contains(out, want) {
		h.t.Errorf("riskctl %s says\n%s\nwant %q", strings.Join(args, " "), out, want)
	}
}

// refuses runs riskctl, which has to fail and say why.
func (h *house) refuses(want string, args ...string) {
	h.t.Helper()
	out, err := exec.Command(h.tool, args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		h.t.Errorf("riskctl %s: %v, it says\n%s\nwant a failure that says %q", strings.Join(args, " "), err, out, want)
	}
}

// logins are lines of riskctl send: users log in at home, one after the other.
func logins(from, to int) string {
	var out strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&out, `{"specversion":"1.0","id":"b%d","source":"//bridge","type":"dev.riskd.activity.v1","time":%q,"data":%s}`+"\n",
			n, time.Now().UTC().Format(time.RFC3339), london.data(fmt.Sprint("user", n%50), fmt.Sprint("s", n%50)))
	}
	return out.String()
}

// What riskctl does with a running riskd, it does on Apache Kafka as on NATS.
func TestRiskctlWorksOverApacheKafka(t *testing.T) {
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	data := t.TempDir()
	h := onTopics(t, server.Addr, "t.").withTool()
	address := "kafka://" + server.Addr + "?prefix=t."
	over := func(args ...string) []string { return append(args, "-broker", address) }
	sql := func(args ...string) []string { return over(append(args, "-clickhouse-dsn", h.dsn())...) }
	rows := func() string { return h.ask("SELECT count(), uniqExact(event_id) FROM risk.features FORMAT TSV") }

	h.post(login("e1", "ann", "s1", "d1", 51.5, -0.1, "GB"))
	h.post(login("e2", "ann", "s2", "d2", 35.7, 139.7, "JP"))
	h.until(20*time.Second, "the first rows", rows, "2\t2")
	h.says("ch_", over("watch", "-since", "1h", "-n", "1", "-user", "ann")...)
	h.until(20*time.Second, "the explanation", func() string { // tables of a batch are written one after the other
		if out, _ := exec.Command(h.tool, "explain", "e2", "-clickhouse-dsn", h.dsn()).CombinedOutput(); strings.Contains(string(out), "mpossible travel") {
			return "told"
		}
		return "not told"
	}, "told")

	t.Run("a bridge that is killed copies each event once, in either direction", func(t *testing.T) { bridged(t, h, address) })

	h.says("sound: ", over("verify-chain")...)
	const events = 2 + bridgedEvents
	h.until(60*time.Second, "a row for each event", rows, fmt.Sprintf("%d\t%d", events, events))
	for _, source := range []string{"clickhouse", "journal"} {
		h.says(fmt.Sprintf("gives %d of them again byte for byte, 0 differ", events), sql("backtest", "-quiet", "-source", source)...)
	}
	baseline := filepath.Join(data, "baseline.json")
	h.says("events of", over("baseline", "build", "-from-journal", "-o", baseline)...)

	policy := filepath.Join(data, "p.yaml")
	if err := os.WriteFile(policy, []byte("id: mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.says("nothing judges by it yet", over("policy", "push", policy, "-reason", "test")...)
	h.says("revision 2", over("policy", "activate", "mine", "-reason", "test")...)
	h.says("revision 3", over("policy", "rollback", "-reason", "test")...)

	h.says("nothing is missing", sql("accept-loss")...)
	h.says(fmt.Sprintf("rebuilt: %d decisions of %d", events, events), sql("rebuild", "-yes", "-settle", "1s")...)
	h.until(20*time.Second, "each row once", rows, fmt.Sprintf("%d\t%d", events, events))

	// The sink is away for longer than the journal is kept.
	place := h.data
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}
	scoring := onTopicsIn(t, place, server.Addr, "t.", "-target", "scorer,gateway")
	for n := range 3 {
		scoring.post(login(fmt.Sprint("f", n), "ann", "s1", "d1", 51.5, -0.1, "GB"))
		time.Sleep(300 * time.Millisecond) // a record each
	}
	scoring.until(20*time.Second, "the journal has all", func() string {
		if strings.Contains(h.riskctl(over("verify-chain")...), fmt.Sprintf("scored=%d", events+3)) {
			return "all"
		}
		return "not all"
	}, "all")
	if code := scoring.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}
	trim(t, server.Addr, "t.", 2)
	tool := h.tool
	h = onTopicsIn(t, place, server.Addr, "t.")
	h.tool = tool
	h.refuses("records are gone", sql("accept-loss")...)
	h.refuses("would be lost", sql("rebuild", "-yes")...)
	h.says("accepted: ", sql("accept-loss", "-yes")...)
	// The scorer has no checkpoint behind the cut here, and says so; the sink goes on with what is left.
	h.until(30*time.Second, "nothing is missing any more", func() string {
		if out, _ := exec.Command(h.tool, sql("accept-loss")...).CombinedOutput(); strings.Contains(string(out), "nothing is missing") {
			return "nothing"
		}
		return "something"
	}, "nothing")
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}
}

// trim leaves the newest record of each partition.
func trim(t *testing.T, addr, prefix string, partitions int) {
	t.Helper()
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.Prefix = []string{addr}, prefix
	b, err := kafka.New(cfg, t.Name(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for p := range partitions {
		last, ok, err := b.LastRecord(ctx, p)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := b.Log(p).TrimRecords(ctx, last.Seq); err != nil {
			t.Fatal(err)
		}
	}
}

const bridgedEvents = 3000

// bridged reports on NATS what riskd on Kafka judges, over a bridge that is killed now and then, and copies what was reported on Kafka the
// other way round.
func bridged(t *testing.T, h *house, address string) {
	n := natstest.Start(t, 2)
	send := func(to string, lines string) {
		t.Helper()
		cmd := exec.Command(h.tool, "send", to, map[string]string{"-nats-url": n.URL(), "-broker": address}[to])
		cmd.Stdin = strings.NewReader(lines)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("send: %v\n%s", err, out)
		}
	}
	to := []string{"bridge", "-from", n.URL(), "-to", address}
	back := []string{"bridge", "-from", address, "-to", n.URL()}
	killed := func(args []string) {
		t.Helper()
		cmd := exec.Command(h.tool, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1200 * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	send("-nats-url", logins(0, 1000))
	done := make(chan struct{})
	go func() { defer close(done); send("-nats-url", logins(1000, 2000)) }()
	for range 2 {
		killed(to)
		killed(back)
	}
	<-done
	send("-broker", logins(2000, bridgedEvents))
	h.says("missing=0", append(to, "-until-end")...)
	h.says("missing=0", append(back, "-until-end")...)
	h.says("copied=0 duplicate=0", append(to, "-until-end")...)   // what came back is a copy
	h.says("copied=0 duplicate=0", append(back, "-until-end")...) // and so is what went
	stored := uint64(0)
	for p := range n.Topo.Partitions {
		s, err := n.JS.Stream(t.Context(), subject.EventsStream(p))
		if err != nil {
			t.Fatal(err)
		}
		stored += s.CachedInfo().State.Msgs
	}
	if stored != bridgedEvents+2 {
		t.Errorf("NATS has %d events, want each of %d once", stored, bridgedEvents+2)
	}
}
