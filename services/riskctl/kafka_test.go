package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// onFake is an installation on kfake, and its address for -broker.
func onFake(t *testing.T, partitions int) (*kafka.Broker, string) {
	cfg := kafkatest.Config(kafkatest.Fake(t), partitions)
	return kafkatest.Install(t, cfg), "kafka://" + strings.Join(cfg.Brokers, ",") + "?prefix=" + cfg.Prefix
}

func inputEnd(t *testing.T, logs broker.Logs, partitions int) (n uint64) {
	t.Helper()
	for p := range partitions {
		end, err := logs.Log(p).InputEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += end
	}
	return n
}

func lines(from, to int) string {
	var in strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintln(&in, inputLine(n, fmt.Sprintf("u%d", n%9), ""))
	}
	return in.String()
}

func TestEventsAreSentOverKafka(t *testing.T) {
	b, url := onFake(t, 3)
	out, stderr, code := call(t, lines(0, 300), "send", "-broker", url)
	if code != exitOK || !strings.Contains(out, "accepted=300 duplicate=0 invalid=0 failed=0") {
		t.Fatalf("got code %d, %q, %q", code, out, stderr)
	}
	if n := inputEnd(t, b, 3); n != 300 {
		t.Errorf("the topic holds %d events, want 300", n)
	}
}

func TestABrokerThatIsNotThereIsNamed(t *testing.T) {
	_, stderr, code := call(t, "", "verify-chain", "-broker", "kafka://127.0.0.1:1?prefix=none.")
	if code != exitError || !strings.Contains(stderr, "127.0.0.1:1") {
		t.Errorf("nobody there: code %d, %q", code, stderr)
	}
	addr := strings.Join(kafkatest.Fake(t), ",")
	_, stderr, code = call(t, "", "verify-chain", "-broker", "kafka://"+addr+"?prefix=none.")
	if code != exitError || !strings.Contains(stderr, "none.journal is missing") {
		t.Errorf("no riskd there: code %d, %q", code, stderr)
	}
	_, stderr, code = call(t, "", "watch", "-broker", "http://"+addr)
	if code != exitUsage || !strings.Contains(stderr, "kafka://host:port") {
		t.Errorf("no Kafka: code %d, %q", code, stderr)
	}
}

func TestChainAndSignalsAreReadFromKafka(t *testing.T) {
	b, url := onFake(t, 2)
	l := b.Log(1)
	defer l.Close()
	if err := l.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: 1, Epoch: 1, Owner: "t"}
	data, err := journal.Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	sig := &riskdv1.Signal{ChallengeId: "ch_1", Revision: 1, TenantId: "acme", UserId: "u", SessionId: "s", State: "required", AtMs: time.Now().UnixMilli()}
	if _, err := l.Append(t.Context(), 0, data, broker.Outgoing{Signals: []*riskdv1.Signal{sig}}); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := call(t, "", "verify-chain", "-broker", url)
	if code != exitOK || !strings.Contains(out, "sound: 1 records in 2 partitions") {
		t.Errorf("got code %d, %q, %q", code, out, stderr)
	}
	out, stderr, code = call(t, "", "watch", "-broker", url, "-since", "1h", "-n", "1", "-tenant", "acme")
	if code != exitOK || !strings.Contains(out, "ch_1") {
		t.Errorf("got code %d, %q, %q", code, out, stderr)
	}
}

func TestPoliciesChangeOverKafka(t *testing.T) {
	_, url := onFake(t, 1)
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte("id: mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := call(t, "", "policy", "push", file, "-broker", url, "-reason", "test"); code != exitOK {
		t.Fatalf("got code %d, %q, %q", code, out, stderr)
	}
	out, stderr, code := call(t, "", "policy", "versions", "-broker", url)
	if code != exitOK || !strings.Contains(out, "mine@") {
		t.Errorf("got code %d, %q, %q", code, out, stderr)
	}
}

// Both directions run beside each other, are stopped and started again, and each side ends with what was reported on either.
func TestABridgeCopiesEachEventOnceInEitherDirection(t *testing.T) {
	k, kafkaURL := onFake(t, 3)
	n := natstest.Start(t, 4)
	if _, stderr, code := call(t, lines(0, 400)+"{\"id\":\"no event\"}\n", "send", "-nats-url", n.URL()); code != exitOK {
		t.Fatal(stderr)
	}
	if _, stderr, code := call(t, lines(1000, 1300), "send", "-broker", kafkaURL); code != exitOK {
		t.Fatal(stderr)
	}
	if err := k.Publisher().(*kafka.Publisher).Raw(t.Context(), "acme", "u1", "text/plain", []byte("no event")); err != nil {
		t.Fatal(err)
	}
	bridge := func(want string, args ...string) {
		t.Helper()
		out, stderr, code := call(t, "", append([]string{"bridge", "-until-end"}, args...)...)
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("%v: code %d, %q, %q, want %s", args, code, out, stderr, want)
		}
	}
	to := []string{"-from", n.URL(), "-to", kafkaURL}
	back := []string{"-from", kafkaURL, "-to", n.URL()}
	bridge("copied=400 duplicate=0 unreadable=0 skipped=0", to...)
	bridge("copied=0 duplicate=0", to...) // it goes on where it was
	bridge("copied=300 duplicate=0 unreadable=1 skipped=400", back...)
	bridge("copied=0 duplicate=0 unreadable=0 skipped=301", to...)
	if _, stderr, code := call(t, lines(400, 450), "send", "-nats-url", n.URL()); code != exitOK {
		t.Fatal(stderr)
	}
	bridge("copied=50 duplicate=0", to...)
	if got := inputEnd(t, k, 3); got != 300+1+400+50 {
		t.Errorf("kafka holds %d messages, want 751", got)
	}
	if got := stored(t, n); got != 400+300+1+50 {
		t.Errorf("nats holds %d messages, want 751", got)
	}
	bridge("copied=450 duplicate=0", append(to, "-name", "another")...) // from the beginning: riskd knows them by source and id
	bridge("duplicate=300", append(back, "-name", "another")...)        // and NATS does by message id

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	seen := map[string]int{}
	for p := range 3 {
		l := k.Log(p)
		end, err := l.InputEnd(ctx)
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Input(1, 100, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var msgs []broker.Message
		for len(msgs) == 0 || msgs[len(msgs)-1].Seq < end {
			if msgs, err = in.Take(ctx, msgs, 100, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		in.Close()
		for _, m := range msgs {
			ev := new(riskdv1.Event)
			if ev.UnmarshalVT(m.Data) == nil {
				seen[ev.Id]++
			}
		}
	}
	if len(seen) < 750 {
		t.Errorf("kafka has seen %d events, want 750", len(seen))
	}
}
