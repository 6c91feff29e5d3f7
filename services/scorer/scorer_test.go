package scorer

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestEventsAreJudgedAsASerialRunWould(t *testing.T) {
	const partitions = 4
	b := natstest.Start(t, partitions)
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	evs := newWorld(1, 40).take(3000)
	pub := newPublisher(t, b.Conn, partitions)
	publishAll(t, pub, evs)
	waitDrained(t, b.JS, partitions)
	checkAsSerial(t, b.JS, partitions, w, evs)
}

// checkAsSerial stops a worker that has judged evs and compares all that it made of them with a serial run.
func checkAsSerial(t *testing.T, js jetstream.JetStream, partitions int, w *worker, evs []*riskdv1.Event) {
	t.Helper()
	ref := foldSerially(t, evs)
	l := checkAgainst(t, js, partitions, ref)
	if len(l.signals) < 50 {
		t.Fatalf("only %d signals: the world is too quiet to test anything", len(l.signals))
	}
	checkSignals(t, js, l)
	w.stop(t)
	checkAgainst(t, js, partitions, ref) // from the last checkpoint
}

// checkSignals waits until every signal of the ledger is in the stream and every flag is what the last one of
// its session says.
func checkSignals(t testing.TB, js jetstream.JetStream, l *ledger, took ...time.Duration) {
	t.Helper()
	ended := func(s *riskdv1.Signal) bool { return len(took) > 0 && took[0] > broker.FlagTTL(s) }
	want := map[string]bool{}
	flags := map[string]*riskdv1.Signal{}
	for _, s := range l.signals {
		msg, err := natsjs.SignalMsg(s, broker.Position{})
		if err != nil {
			t.Fatal(err)
		}
		want[msg.Header.Get(nats.MsgIdHdr)] = true
		flags[s.TenantId+"/"+s.SessionId] = s
	}
	tail, err := natsjs.OpenTail(js, subject.SignalsStream, 1, natsjs.TailConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	got := map[string]int{}
	var msgs []natsjs.Message
	deadline := time.Now().Add(10 * time.Second)
	for len(got) < len(want) && time.Now().Before(deadline) {
		if msgs, err = tail.Take(t.Context(), msgs[:0], 100, 1<<20); err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			id := m.Header().Get(nats.MsgIdHdr)
			if !want[id] {
				t.Errorf("signal %s is not in the ledger", id)
			}
			if got[id]++; got[id] > 1 {
				t.Errorf("signal %s was stored twice", id)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d signals, want %d", len(got), len(want))
	}
	f, err := natsjs.OpenFlags(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range flags {
		natstest.Eventually(t, "flag of "+s.SessionId+" "+s.State, func() bool {
			flag, ok, err := f.Get(t.Context(), s.TenantId, s.SessionId)
			if err == nil && !ok && ended(s) {
				return true
			}
			return err == nil && ok == broker.Blocks(s) && (!ok || flag.Signal.ChallengeId == s.ChallengeId && flag.Signal.State == s.State)
		})
	}
}

func TestWhatIsNoEventBecomesADeadLetter(t *testing.T) {
	b := natstest.Start(t, 2)
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	good := newWorld(1, 1).next()
	p := subject.Partition(good.TenantId, good.User.Id, 2)
	subj := subject.Event(p, good.TenantId, good.User.Id)
	put := func(subj string, h nats.Header, data []byte) {
		t.Helper()
		if err := natsjs.Store(t.Context(), b.JS, &nats.Msg{Subject: subj, Header: h, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	encode := func(change func(*riskdv1.Event)) []byte {
		ev := proto.CloneOf(good)
		change(ev)
		data, err := ev.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	pb := nats.Header{"content-type": {"application/protobuf"}}
	put(subj, pb, []byte("\xff\xff\xff not protobuf"))
	put(subj, nats.Header{"content-type": {"text/plain"}}, []byte("hello"))
	put(subj, pb, encode(func(e *riskdv1.Event) { e.Type = "com.example.other" }))
	put(subj, pb, encode(func(e *riskdv1.Event) { e.Action = "" }))
	put(subj, pb, encode(func(e *riskdv1.Event) { e.TimeMs = time.Now().Add(48 * time.Hour).UnixMilli() }))
	put(subj, pb, make([]byte, 200<<10))
	put(subject.Event(1-p, good.TenantId, good.User.Id), pb, encode(func(*riskdv1.Event) {}))
	put(subj, pb, encode(func(*riskdv1.Event) {}))
	put(subj, pb, encode(func(*riskdv1.Event) {})) // no message id: the engine sees the duplicate
	waitAccepted(t, b.JS, 2, 9)
	l := readLedger(t, b.JS, 2)
	want := map[string]int{"malformed": 1, "unsupported_content_type": 1, "unknown_type": 1, "missing_field": 1, "future_time": 1, "too_large": 1, "wrong_partition": 1}
	got := map[string]int{}
	for _, d := range l.dead {
		got[d.Reason]++
		if len(d.Raw) > maxRaw {
			t.Errorf("%s: %d raw bytes are kept", d.Reason, len(d.Raw))
		}
	}
	for reason, n := range want {
		if got[reason] != n {
			t.Errorf("%s: got %d, want %d (all: %v)", reason, got[reason], n, got)
		}
	}
	if c := (counts{accepted: 9, scored: 1, duplicate: 1, dead: 7}); l.counts != c {
		t.Errorf("got totals %+v, want %+v", l.counts, c)
	}
	natstest.Eventually(t, "dead letters are published", func() bool {
		last, _, err := natsjs.LastSeq(t.Context(), b.JS, subject.DeadStream)
		return err == nil && last == 7
	})
}

func TestPlainJSONOverThePlainSubjectIsScored(t *testing.T) {
	b := natstest.Start(t, 3)
	startWorker(t, b.URL(), quickConfig()).ready(t)
	body := `{"specversion":"1.0","id":"1","source":"//app","type":"dev.riskd.activity.v1","time":"` + time.Now().UTC().Format(time.RFC3339) +
		`","data":{"tenant_id":"acme","user":{"id":"ann"},"action":"auth.login","outcome":"success"}}`
	msg := &nats.Msg{Subject: subject.PlainEvent("acme", "ann"), Header: nats.Header{"content-type": {"application/cloudevents+json"}}, Data: []byte(body)}
	if err := natsjs.Store(t.Context(), b.JS, msg); err != nil {
		t.Fatal(err)
	}
	waitAccepted(t, b.JS, 3, 1)
	if l := readLedger(t, b.JS, 3); l.counts.scored != 1 {
		t.Fatalf("got %+v, dead %v", l.counts, l.dead)
	}
}
