package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// restored is how fast state comes back, in seconds.
type restored struct {
	MB float64 `json:"megabytes"`
	// Raw is a bare consumer of the topic of pages, Load the same pages read, decoded and indexed, four partitions at a time as a worker does.
	Raw  float64 `json:"raw_seconds"`
	Load float64 `json:"load_seconds"`
	// Handover is from the stop signal until an event in each partition, sent meanwhile, is judged by the other worker.
	Handover float64 `json:"handover_seconds"`
}

func init() { children["kafka-default"] = kafkaChild }

// kafkaChild is a scorer as a process of its own: "kafka-default <addr> <prefix>".
func kafkaChild(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	service.KeepHeapRoom(0)
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.Prefix = args[1:2], args[2]
	level := slog.LevelWarn
	if os.Getenv("RISKD_TEST_LOG") != "" {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	b, err := kafka.New(cfg, "child", log)
	if err != nil {
		return err
	}
	defer b.Close()
	engine, err := makeEngine()
	if err != nil {
		return err
	}
	en, err := enrich.New(enrich.Config{})
	if err != nil {
		return err
	}
	s, err := New(DefaultConfig(), Deps{Broker: b, Engine: engine, Enricher: en, Sections: sectionsOf(en), Log: log, Registry: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// million measures what TestPipeline's does, and how fast state comes back beside a bare consumer.
func (k *kafkaBench) million(t *testing.T, r *pipeline, say func(string)) {
	t.Run("users=1M", func(t *testing.T) {
		users := r.Million
		cfg, b := k.install(t, pipelinePartitions)
		evs := pipelineEventsOf(users, users)
		for i, ev := range evs { // everybody once
			ev.User = &riskdv1.User{Id: "u" + strconv.Itoa(i)}
			ev.Device = &riskdv1.Device{Id: "device-of-u" + strconv.Itoa(i)}
		}
		out := drained{Partitions: pipelinePartitions, Users: users, Events: users}
		out.Raw.Bytes = k.fill(t, b, evs)
		evs = nil
		out.Raw.Rate = k.measure(users, func() { kafkatest.Consume(t, cfg, "events") }).Rate
		w := startKafkaWorker(t, cfg, DefaultConfig())
		out.Scorer = k.measure(users, func() {
			for committed(w) < users {
				time.Sleep(2 * time.Millisecond)
			}
		})
		out.Scorer.Bytes = float64(kafkatest.StoredBytes(t, cfg, "journal")) / float64(users)
		r.Users = append(r.Users, out)
		say(fmt.Sprintf("%d users are judged", users))
		w.cfg.StopWait = time.Minute // all of a million pages at once
		w.cancel()
		<-w.done
		say("their state is stored")
		r.Restore = k.restore(t, cfg, b)

		say("restore")
		child := func() *exec.Cmd { return spawn(t, "kafka-default "+k.Addr+" "+cfg.Prefix) }
		began := time.Now()
		a := child()
		k.probe(t, b)
		r.Restart = time.Since(began).Seconds()
		say("restart")
		time.Sleep(2 * time.Second) // until the buffers of the load are given back
		r.RSSPerUser = float64(residentBytes(a.Process.Pid)) / float64(users)
		second := child()
		k.shared(t, b)
		say("two workers")
		began = time.Now()
		kill9(a)
		k.probe(t, b)
		r.Takeover = time.Since(began).Seconds()
		say("takeover")
		child()
		k.shared(t, b)
		began = time.Now()
		if err := second.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		k.probe(t, b)
		r.Restore.Handover = time.Since(began).Seconds()
	})
	t.Logf("restart %.2f s, takeover %.2f s, %.0f B of memory per user, restore %+v", r.Restart, r.Takeover, r.RSSPerUser, r.Restore)
}

// shared waits until two workers have half of the partitions each, and have judged an event in each.
func (k *kafkaBench) shared(t testing.TB, b *kafka.Broker) {
	patiently(t, "the second worker has its half", func() bool {
		owners := map[string]int{}
		for p := range pipelinePartitions {
			if s, ok, err := b.LastRecord(t.Context(), p); err == nil && ok && time.Since(time.UnixMilli(s.Record.WrittenMs)) < time.Minute {
				owners[s.Record.Owner]++
			}
		}
		return len(owners) == 2
	})
	time.Sleep(time.Second)
	k.probe(t, b)
}

// probe sends events until every partition has a new one, and waits until all are judged.
func (k *kafkaBench) probe(t testing.TB, b *kafka.Broker) {
	var evs []*riskdv1.Event
	for i := range 20 * pipelinePartitions { // one in none of them: once in 10 million
		user := "probe" + strconv.Itoa(i)
		evs = append(evs, &riskdv1.Event{Id: "probe" + strconv.FormatInt(time.Now().UnixNano(), 36) + user, Source: "//probe", Type: "dev.riskd.activity.v1",
			TimeMs: time.Now().UnixMilli(), TenantId: "acme", User: &riskdv1.User{Id: user}, Action: "resource.read", Outcome: "success"})
	}
	k.fill(t, b, evs)
	for p := range pipelinePartitions {
		end, err := b.Log(p).InputEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		patiently(t, fmt.Sprintf("partition %d is judged up to %d", p, end), func() bool {
			s, ok, err := b.LastRecord(t.Context(), p)
			return err == nil && ok && s.Record.InputLast >= end
		})
	}
}

// restore reads all pages as a bare consumer does, and as a worker does.
func (k *kafkaBench) restore(t testing.TB, cfg kafka.Config, b *kafka.Broker) *restored {
	var out restored
	began := time.Now()
	_, bytes := kafkatest.Consume(t, cfg, "pages")
	out.Raw, out.MB = time.Since(began).Seconds(), float64(bytes)/1e6
	began = time.Now()
	turns := make(chan struct{}, DefaultConfig().Takeovers)
	eachPartition(pipelinePartitions, func(p int) {
		turns <- struct{}{}
		defer func() { <-turns }()
		l, st := b.Log(p), newStore()
		defer l.Close()
		if err := l.Pages(t.Context(), func(pg broker.Page) error {
			n, err := strconv.Atoi(pg.Name)
			if err == nil {
				if _, err = st.openPage(n, pg.Data); st.pages[n].users == st.users {
					st.expect(st.users * pageCount)
				}
			} else if strings.HasPrefix(pg.Name, manifestName) {
				err = nil
			} else {
				_, _, _, err = openSection(pg.Data)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
	out.Load = time.Since(began).Seconds()
	return &out
}
