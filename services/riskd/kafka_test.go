//go:build integration

package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/sdk"
	sdkkafka "github.com/riskd-io/riskd/pkg/sdk/kafka"
)

// onTopics is riskd on a Kafka, with the prefix of its topics.
func onTopics(t *testing.T, addr, prefix string, settings ...string) *house {
	t.Helper()
	return onTopicsIn(t, t.TempDir(), addr, prefix, settings...)
}

// onTopicsIn is that with a data folder of before.
func onTopicsIn(t *testing.T, data, addr, prefix string, settings ...string) *house {
	t.Helper()
	return start(t, data, append([]string{"-broker", "kafka://" + addr + "?prefix=" + prefix, "-partitions", "2"}, settings...)...)
}

// place is where somebody logs in.
type place struct {
	lat, lon float64
	country  string
}

var london, tokyo = place{51.5, -0.1, "GB"}, place{35.7, 139.7, "JP"}

func (p place) data(user, session string) string {
	return fmt.Sprintf(`{"tenant_id":"acme","user":{"id":%q},"session":{"id":%q},"device":{"id":%q},"network":{"geo":{"lat":%g,"lon":%g,"accuracy_km":5,"country":%q}},"action":"auth.login","outcome":"success"}`,
		user, session, session, p.lat, p.lon, p.country)
}

// Programs that know nothing of riskd report logins to a riskd on Apache Kafka, and read what it says: kcat (librdkafka) and the
// CloudEvents SDK for JavaScript (KafkaJS).
func TestIndependentClientsReportAndListenOverApacheKafka(t *testing.T) {
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	data := t.TempDir()
	policy := filepath.Join(data, "told.yaml")
	if err := os.WriteFile(policy, []byte(noticePolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	h := onTopicsIn(t, data, server.Addr, "c.", "-target", "scorer,signaler,gateway", "-policy", policy)
	client, err := sdkkafka.Connect(sdkkafka.Config{Brokers: []string{server.Addr}, Prefix: "c."}, "//acme/web", sdk.WithTenant("acme"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(func() { cancel(); _ = client.Close(context.Background()) })
	flagged := func(t *testing.T, home, away string) {
		t.Helper()
		h.until(20*time.Second, "the flag of the far session", func() string { return h.state(away) }, "required")
		if got := h.state(home); got != "clear" {
			t.Errorf("the session at home is %q; want clear", got)
		}
		v, err := client.Guard().Wait(ctx, "acme", away, func(v sdk.Verdict) bool { return v.State == sdk.Required })
		if err != nil || v.ChallengeID() == "" {
			t.Errorf("the guard says %v, %v", v.State, err)
		}
	}

	t.Run("kcat", func(t *testing.T) {
		if _, err := exec.LookPath("kcat"); err != nil {
			t.Skip("kcat is not installed (Debian: apt-get install kcat)")
		}
		kcat := func(stdin string, args ...string) string {
			t.Helper()
			cmd := exec.CommandContext(ctx, "kcat", append([]string{"-b", server.Addr, "-X", "partitioner=murmur2_random"}, args...)...)
			cmd.Stdin = strings.NewReader(stdin)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("kcat %v: %v\n%s", args, err, out)
			}
			return string(out)
		}
		now := time.Now().UTC()
		stamp := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
		kcat(london.data("ann", "k1"), "-P", "-t", "c.events", "-k", "acme:ann", "-H", "ce_specversion=1.0", "-H", "ce_id=k-1", "-H", "ce_source=//kcat",
			"-H", "ce_type=dev.riskd.activity.v1", "-H", "ce_time="+stamp(-time.Minute), "-H", "content-type=application/json")
		kcat(`{"specversion":"1.0","id":"k-2","source":"//kcat","type":"dev.riskd.activity.v1","time":"`+stamp(0)+`","data":`+tokyo.data("ann", "k2")+`}`,
			"-P", "-t", "c.events", "-k", "acme:ann", "-H", "content-type=application/cloudevents+json")
		flagged(t, "k1", "k2")
		said := kcat("", "-C", "-t", "c.signals", "-o", "beginning", "-e", "-q", "-f", "%k %h\n")
		if !strings.Contains(said, "riskd-state=required") || !strings.Contains(said, "ce_type=dev.riskd.signal.v1") {
			t.Errorf("kcat read %q; want a signal", said)
		}
	})
	t.Run("the CloudEvents SDK for JavaScript", func(t *testing.T) {
		node, err := exec.LookPath("node")
		if err != nil {
			t.Skip("needs Node.js:", err)
		}
		dir := filepath.Join("testdata", "npm")
		if _, err := os.Stat(filepath.Join(dir, "node_modules", "kafkajs")); err != nil {
			install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
			install.Dir = dir
			if out, err := install.CombinedOutput(); err != nil {
				if os.Getenv("CI") == "" {
					t.Skipf("npm could not fetch kafkajs and cloudevents: %v\n%s", err, out)
				}
				t.Fatalf("npm ci: %v\n%s", err, out)
			}
		}
		report := func(mode, id, session string, at place) {
			t.Helper()
			cmd := exec.CommandContext(ctx, node, "login.mjs", server.Addr, "c.events", mode, "bob", id, session, fmt.Sprint(at.lat), fmt.Sprint(at.lon), at.country)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("node: %v\n%s", err, out)
			}
		}
		report("binary", "j-1", "j1", london)
		report("structured", "j-2", "j2", tokyo)
		flagged(t, "j1", "j2")
	})
	t.Run("kcat with librdkafka's own partitioner", func(t *testing.T) {
		if _, err := exec.LookPath("kcat"); err != nil {
			t.Skip("kcat is not installed (Debian: apt-get install kcat)")
		}
		user, java := "", kgo.StickyKeyPartitioner(nil).ForTopic("c.events")
		for i := 0; user == ""; i++ { // somebody whom CRC-32 puts into another partition than murmur2 does
			name := fmt.Sprint("user", i)
			if key := []byte("acme:" + name); int(crc32.ChecksumIEEE(key)%2) != java.Partition(&kgo.Record{Key: key}, 2) {
				user = name
			}
		}
		for i, at := range []place{london, tokyo} {
			cmd := exec.CommandContext(ctx, "kcat", "-b", server.Addr, "-P", "-t", "c.events", "-k", "acme:"+user, "-H", "content-type=application/cloudevents+json")
			cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"specversion":"1.0","id":"d-%d","source":"//kcat","type":"dev.riskd.activity.v1","time":%q,"data":%s}`,
				i, time.Now().UTC().Add(time.Duration(i-1)*time.Minute).Format(time.RFC3339), at.data(user, fmt.Sprint("d", i))))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("kcat: %v\n%s", err, out)
			}
		}
		flagged(t, "d0", "d1") // both in one partition: that is all that matters
		req, _ := http.NewRequest(http.MethodGet, h.at["health"]+"/metrics", nil)
		if _, all := h.do(req); !strings.Contains(all, "\nriskd_scorer_elsewhere_total 2\n") {
			t.Errorf("two events lie elsewhere, and the metrics do not say so:\n%s", all)
		}
		if !strings.Contains(h.said(), "partitioner=murmur2_random") {
			t.Error("the log gives no advice")
		}
	})
	t.Run("a notice", func(t *testing.T) {
		heard := make(chan *sdk.Notice, 16)
		listen, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		defer func() { stop(); <-ended }()
		go func() {
			defer close(ended)
			_ = client.Notices(listen, time.Now().Add(-time.Hour), func(n *sdk.Notice) { heard <- n })
		}()
		if status, reason := h.post(strings.Replace(login("n1", "eve", "n1", "d1", 51.5, -0.1, "GB"), "auth.login", "role.grant", 1)); status != "accepted" {
			t.Fatalf("event %s %s", status, reason)
		}
		select {
		case n := <-heard:
			if n.Rule != "role_grant" || n.User.ID != "eve" || n.EventID != "n1" || n.ReasonUser != "Your role was changed." {
				t.Errorf("heard %+v", n)
			}
		case <-ctx.Done():
			t.Error("the app heard of no notice")
		}
	})
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM; want 0", code)
	}
}

// Events on Kafka, flags on NATS: the guard over NATS works as ever, with events reported over HTTP.
func TestEventsMayBeOnKafkaAndFlagsOnNATS(t *testing.T) {
	n := natstest.Start(t, 2)
	h := onTopics(t, kafkatest.Fake(t)[0], "m.", "-target", "scorer,signaler,gateway", "-flags", "nats", "-nats-url", n.URL())
	client, err := sdk.Connect(n.URL(), "//acme/web", sdk.WithTenant("acme"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(func() { cancel(); _ = client.Close(context.Background()) })
	for _, body := range []string{login("m1", "ann", "m1", "d1", 51.5, -0.1, "GB"), login("m2", "ann", "m2", "d2", 35.7, 139.7, "JP")} {
		if status, reason := h.post(body); status != "accepted" {
			t.Fatalf("got %s %s", status, reason)
		}
	}
	v, err := client.Guard().Wait(ctx, "acme", "m2", func(v sdk.Verdict) bool { return v.State == sdk.Required })
	if err != nil {
		t.Fatalf("the guard over NATS says %v: %v", v.State, err)
	}
	h.until(5*time.Second, "the gateway's answer", func() string { return h.state("m2") }, "required")
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM; want 0", code)
	}
}
