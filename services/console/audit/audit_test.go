package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// lapsing is a connection that can be made to fail.
type lapsing struct {
	driver.Conn
	mu   sync.Mutex
	fail bool
}

func (l *lapsing) away(fail bool) { l.mu.Lock(); defer l.mu.Unlock(); l.fail = fail }

func (l *lapsing) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail {
		return nil, errors.New("connection refused")
	}
	return l.Conn.PrepareBatch(ctx, query, opts...)
}

func start(t *testing.T, conn driver.Conn, log *slog.Logger) (*Book, func()) {
	t.Helper()
	b, err := New(Deps{ClickHouse: conn, Log: log, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return b, stop
}

func read(t *testing.T, conn driver.Conn) []story.Look {
	t.Helper()
	r, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		t.Fatal(err)
	}
	looks, err := r.Looks(t.Context(), story.LookFilter{Limit: 1000}, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return looks
}

func TestWhatIsWrittenIsThereWhenWriteReturns(t *testing.T) {
	conn := storytest.Empty(t)
	b, _ := start(t, conn, enginetest.Quiet())
	e := Entry{Actor: "ann", Role: "analyst", Action: "saw_user", Tenant: "acme", User: "bob", Subject: "bob", Detail: strings.Repeat("x", 2*longest), Address: "192.0.2.1"}
	if err := b.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	looks := read(t, conn)
	if len(looks) != 1 || looks[0].Actor != "ann" || looks[0].User != "bob" || looks[0].Address != "192.0.2.1" || len(looks[0].Detail) != longest || time.Since(looks[0].At) > time.Minute {
		t.Errorf("%+v", looks)
	}
}

func TestManyWhoLookAtOnceAreAllWrittenDown(t *testing.T) {
	conn := storytest.Empty(t)
	b, _ := start(t, conn, enginetest.Quiet())
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := b.Write(t.Context(), Entry{Actor: fmt.Sprint("a", i), Action: "saw_user"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(read(t, conn)); n != 200 {
		t.Errorf("%d are there", n)
	}
}

func TestWhatMustBeWrittenFirstIsRefusedWhileClickHouseIsAway(t *testing.T) {
	conn := &lapsing{Conn: storytest.Empty(t), fail: true}
	b, _ := start(t, conn, enginetest.Quiet())
	if err := b.Write(t.Context(), Entry{Actor: "ann", Action: "saw_user"}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	// A note waits until the database is back.
	b.Note(Entry{Actor: "ann", Action: "signed_in"})
	time.Sleep(50 * time.Millisecond)
	conn.away(false)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if looks := read(t, conn); len(looks) == 1 && looks[0].Action == "signed_in" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the note was never written")
		}
	}
}

func TestWhatIsLostIsSaidAndCounted(t *testing.T) {
	var log bytes.Buffer
	conn := &lapsing{Conn: storytest.Empty(t), fail: true}
	b, stop := start(t, conn, slog.New(slog.NewTextHandler(&log, nil)))
	b.Note(Entry{Actor: "ann", Action: "signed_in", User: "somebody-looked-at"})
	time.Sleep(50 * time.Millisecond)
	stop()
	if got := testutil.ToFloat64(b.written.WithLabelValues("lost")); got != 1 || !strings.Contains(log.String(), "an audit entry could not be written") || strings.Contains(log.String(), "somebody-looked-at") {
		t.Errorf("lost %v: %s", got, log.String())
	}
}

func TestWhenTheQueueIsFullALookIsRefused(t *testing.T) {
	b, err := New(Deps{ClickHouse: storytest.Empty(t), Log: enginetest.Quiet(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	for range most { // nobody writes
		b.Note(Entry{Action: "signed_in"})
	}
	if err := b.Write(t.Context(), Entry{Action: "saw_user"}); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	b.Note(Entry{Action: "signed_in"})
	if got := testutil.ToFloat64(b.written.WithLabelValues("lost")); got != 1 {
		t.Errorf("lost %v", got)
	}
}
