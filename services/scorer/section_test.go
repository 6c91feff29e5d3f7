package scorer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// checkCrowd compares the counters that a new owner loads with those of one that has read the whole journal.
func checkCrowd(t testing.TB, js jetstream.JetStream, p *partition) {
	t.Helper()
	r := natsjs.NewJournalReader(js)
	defer r.Close()
	whole := newEnricher(t).Crowd(p.n)
	for at := uint64(0); at < p.at.seq; {
		recs, err := r.Next(t.Context(), p.n, at, 100)
		if err != nil {
			t.Errorf("partition %d after %d: %v", p.n, at, err)
			return
		}
		for _, s := range recs {
			if at = s.Seq; at <= p.at.seq {
				whole.Take(s.Record)
			}
		}
	}
	if !bytes.Equal(whole.AppendTo(nil), p.parts[0].AppendTo(nil)) {
		t.Errorf("partition %d: the counters across users differ from those of the whole journal", p.n)
	}
}

func login(n int, ip, outcome string) *riskdv1.Event {
	ev := newWorld(uint64(n), 1).next()
	ev.Id, ev.User.Id, ev.Session.Id = fmt.Sprint("login", n), fmt.Sprint("u", n), fmt.Sprint("s", n)
	ev.TimeMs = time.Now().Add(-time.Hour).Add(time.Duration(n) * time.Second).UnixMilli()
	ev.Type, ev.Action, ev.Outcome, ev.ChallengeId = "dev.riskd.activity.v1", "auth.login", outcome, ""
	ev.Network = &riskdv1.Network{Ip: ip, Geo: london, Asn: 64500, Kind: "residential"}
	return ev
}

func TestCountsAcrossUsersGoOnAfterATakeover(t *testing.T) {
	const partitions, ip = 4, "198.51.100.7"
	b := natstest.Start(t, partitions)
	pub := newPublisher(t, b.Conn, partitions)
	cfg := quickConfig()
	cfg.Worker = "same"
	w := startWorker(t, b.URL(), cfg)
	for i := range 20 { // a checkpoint lies somewhere in between
		publishAll(t, pub, []*riskdv1.Event{login(i, ip, "failure")})
		waitAccepted(t, b.JS, partitions, uint64(i+1))
		if i == 12 {
			natstest.Eventually(t, "a checkpoint has been written", func() bool {
				_, err := natsjs.ReadLast(t.Context(), b.JS, subject.PagesStream(0), subject.Section(0, "crowd"))
				return err == nil
			})
		}
	}
	w.kill()
	w = startWorker(t, b.URL(), cfg)
	w.ready(t)
	publishAll(t, pub, []*riskdv1.Event{login(20, ip, "success")})
	waitAccepted(t, b.JS, partitions, 21)
	crowd := readLedger(t, b.JS, partitions).looked["login20"].GetCrowd()
	if crowd.GetIpUsers() != 20 || crowd.GetIpFailedUsers() != 20 || crowd.GetIpFailures() != 20 {
		t.Errorf("after the takeover the address has %v, want 20 users who failed 20 times", crowd)
	}
	for p := range partitions {
		checkCrowd(t, b.JS, reload(t, b.JS, p))
	}
}

func TestASectionThatCannotBeReadStopsThePartitionOnly(t *testing.T) {
	b := natstest.Start(t, 2)
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	publishAll(t, newPublisher(t, b.Conn, 2), newWorld(5, 20).take(400))
	waitDrained(t, b.JS, 2)
	ctx := t.Context()
	natstest.Eventually(t, "a checkpoint holds all", func() bool {
		m, err := natsjs.ReadLast(ctx, b.JS, subject.PagesStream(0), subject.Pages+".0.manifest")
		last, ok, e := natsjs.LastRecord(ctx, b.JS, 0)
		return err == nil && e == nil && ok && strings.Contains(string(m.Data), fmt.Sprintf(`"through":%d,`, last.Seq))
	})
	w.stop(t)
	pages, err := b.JS.Stream(ctx, subject.PagesStream(0))
	if err != nil {
		t.Fatal(err)
	}
	sound, err := pages.GetLastMsgForSubject(ctx, subject.Section(0, "crowd"))
	if err != nil {
		t.Fatal(err)
	}
	stands := func(what string) {
		t.Helper()
		w := startWorker(t, b.URL(), quickConfig())
		natstest.Eventually(t, "partition 1 works, partition 0 stands still: "+what, func() bool {
			err := w.Ready()
			return len(w.Owned()) == 1 && w.Owned()[0] == 1 && errors.Is(err, ErrState) && errors.Is(err, errPage)
		})
		w.stop(t)
	}
	publish := func(data []byte) {
		t.Helper()
		if _, err := b.JS.Publish(ctx, subject.Section(0, "crowd"), data); err != nil {
			t.Fatal(err)
		}
	}
	damaged := bytes.Clone(sound.Data)
	damaged[len(damaged)-1] ^= 1
	publish(damaged)
	stands("the section is damaged")
	_, _, data, err := openSection(sound.Data)
	if err != nil {
		t.Fatal(err)
	}
	future := part{Section: versioned{99, data}}
	raw, err := future.snapshot(nil, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	publish(sealSection(raw))
	stands("the section is of a later version")
	if err := pages.Purge(ctx, jetstream.WithPurgeSubject(subject.Section(0, "crowd"))); err != nil {
		t.Fatal(err)
	}
	stands("the section is gone")
	// The documented way out: without pages all is rebuilt from a journal that goes back to its first record.
	if err := pages.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	startWorker(t, b.URL(), quickConfig()).ready(t)
	checkCrowd(t, b.JS, reload(t, b.JS, 0))
}

// versioned is a section in some version's stored form.
type versioned struct {
	version uint64
	data    []byte
}

func (v versioned) Name() string                 { return "crowd" }
func (v versioned) Version() uint64              { return v.version }
func (v versioned) Take(*riskdv1.JournalRecord)  {}
func (v versioned) Discard()                     {}
func (v versioned) AppendTo(dst []byte) []byte   { return append(dst, v.data...) }
func (v versioned) Restore(uint64, []byte) error { return nil }

func TestAStopWritesACheckpointOnlyWhereItPays(t *testing.T) {
	p := &partition{st: newStore(), parts: make([]part, 1)}
	for i := range 3 {
		key := appendKey(nil, "acme", fmt.Sprint("u", i))
		if err := p.st.put(hashKey(key), key, []byte("profile"), 1); err != nil {
			t.Fatal(err)
		}
	}
	p.ck.events = 5 * payingEvents // three pages, a section, the manifest
	if p.checkpointPays() {
		t.Error("five writes for events that are stepped again as quickly")
	}
	p.ck.events++
	if !p.checkpointPays() {
		t.Error("no checkpoint, though the next start would take longer")
	}
	p.ck.events, p.ck.active = 0, true
	if !p.checkpointPays() {
		t.Error("a checkpoint that is half done is thrown away")
	}
}
