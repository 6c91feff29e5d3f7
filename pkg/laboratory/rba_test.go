package laboratory

import (
	"archive/zip"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/simulate/simulatetest"
	"github.com/riskd-io/riskd/pkg/wire"
)

func TestMain(m *testing.M) {
	code := m.Run()
	simulatetest.Clean()
	os.Exit(code)
}

func testWorld(users, days, attacks int) simulate.Config {
	cfg := simulate.DefaultConfig(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	cfg.Users, cfg.Start, cfg.Attacks = users, cfg.End.AddDate(0, 0, -days), attacks
	return cfg
}

func testEnricher(tb testing.TB) *enrich.Enricher {
	tb.Helper()
	city, asn := simulatetest.Files(tb)
	e, err := enrich.New(enrich.Config{City: city, ASN: asn})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func testEngine(tb testing.TB) *risk.Engine {
	tb.Helper()
	engine, err := risk.New(policy.Default(), baseline.Default())
	if err != nil {
		tb.Fatal(err)
	}
	return engine
}

// writeRBA writes a simulated world in the data set's own form, index column first.
func writeRBA(tb testing.TB, to io.Writer, cfg simulate.Config) (honest, takeovers int) {
	tb.Helper()
	world, err := simulate.New(cfg, simulatetest.Atlas(tb))
	if err != nil {
		tb.Fatal(err)
	}
	enricher := testEnricher(tb)
	out := csv.NewWriter(to)
	rows := [][]string{append([]string{"index"}, RBAColumns...)}
	title := map[bool]string{true: "True", false: "False"}
	for item := range world.Events() {
		var ev event.Event
		if err := wire.ToEvent(item.Event, enricher.Enrich(item.Event, item.Event.TimeMs), &ev); err != nil {
			tb.Fatal(err)
		}
		if ev.Action != "auth.login" || ev.User.Kind != event.Person {
			continue
		}
		theft := item.Truth.Kind != simulate.Honest
		success := ev.Outcome == event.Success
		if success && theft {
			takeovers++
		} else if success {
			honest++
		}
		rtt := ""
		if ev.Network.RTT > 0 {
			rtt = strconv.Itoa(int(ev.Network.RTT))
		}
		rows = append(rows, []string{
			strconv.Itoa(len(rows) - 1), time.UnixMilli(int64(ev.Time)).UTC().Format("2006-01-02 15:04:05.000"), ev.User.ID, rtt, ev.Network.IP.String(),
			ev.Network.Place.Country, "-", ev.Network.Place.City, strconv.Itoa(int(ev.Network.ASN)), ev.Agent.Raw,
			ev.Agent.Browser + " " + strconv.Itoa(int(ev.Agent.BrowserMajor)), ev.Agent.OS, ev.Agent.Class,
			title[success], title[false], title[theft && success],
		})
	}
	if err := out.WriteAll(rows); err != nil {
		tb.Fatal(err)
	}
	return honest, takeovers
}

func rbaWorld() simulate.Config {
	cfg := testWorld(60, 20, 10)
	cfg.Only = []simulate.Kind{simulate.Naive}
	return cfg
}

func TestTheRBADataSetIsReadPlainPackedAndZipped(t *testing.T) {
	var text strings.Builder
	honest, takeovers := writeRBA(t, &text, rbaWorld())
	dir := t.TempDir()
	plain, packed, zipped := filepath.Join(dir, "rba.csv"), filepath.Join(dir, "rba.csv.gz"), filepath.Join(dir, "archive")
	write := func(name string, fill func(f *os.File) error) {
		f, err := os.Create(name)
		if err == nil {
			err = errors.Join(fill(f), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(plain, func(f *os.File) error { _, err := f.WriteString(text.String()); return err })
	write(packed, func(f *os.File) error {
		z := gzip.NewWriter(f)
		_, err := z.Write([]byte(text.String()))
		return errors.Join(err, z.Close())
	})
	write(zipped, func(f *os.File) error {
		z := zip.NewWriter(f)
		_, _ = z.Create("README.txt")
		w, err := z.Create("rba-dataset.CSV")
		if err == nil {
			_, err = io.WriteString(w, text.String())
		}
		return errors.Join(err, z.Close())
	})
	for _, name := range []string{plain, packed, zipped} {
		in, err := OpenRBA(name)
		if err != nil {
			t.Fatal(err)
		}
		enricher, err := enrich.New(enrich.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		replay := Replay{Comparators: []Comparator{NewRiskd(Ours, testEngine(t)), NewFreeman(false)}}
		out, err := replay.Run(t.Context(), in, enricher)
		if err := errors.Join(err, in.Close()); err != nil {
			t.Fatal(err)
		}
		if replay.Bad != 0 || replay.Backwards != 0 {
			t.Errorf("%s: %d bad rows (%v), %d back in time; want none", filepath.Base(name), replay.Bad, replay.FirstBad, replay.Backwards)
		}
		got := out.Attacks[RecordedTakeover]
		if out.Logins != honest || len(got) != 2 || len(got[0]) != takeovers {
			t.Errorf("%s: %d honest logins and %d take-overs by %d methods, want %d and %d by 2", filepath.Base(name), out.Logins, len(got[0]), len(got), honest, takeovers)
		}
		// Naive thieves come from elsewhere with another browser: whoever reads countries and agents sees it.
		if r := NewReport(out); r.AUC[RecordedTakeover][0] < 0.9 {
			t.Errorf("%s: our AUC is %.3f, want at least 0.9", filepath.Base(name), r.AUC[RecordedTakeover][0])
		}
	}
}

func TestBadRowsAreCountedAndPassedOver(t *testing.T) {
	head := strings.Join(RBAColumns, ",")
	good := `2020-02-03 12:43:30.772,42,,10.0.65.171,NO,-,-,29695,"Mozilla/5.0 (iPhone; CPU iPhone OS 13_4 like Mac OS X)",Mobile Safari 13.1,iOS 13.4,mobile,True,False,False`
	in, err := NewRBAReader(strings.NewReader(head + "\n" + good + "\n" +
		strings.Replace(good, "2020-02-03", "yesterday", 1) + "\n" + // no time
		strings.Replace(good, "10.0.65.171", "ten", 1) + "\n" + // no address
		strings.Replace(good, ",42,", ",,", 1) + "\n" + // nobody
		strings.Replace(good, "True", "maybe", 1) + "\n" +
		"2020-02-03 12:43:31,cut off\n" + good + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	enricher, err := enrich.New(enrich.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	replay := Replay{Comparators: []Comparator{NewPoints()}}
	out, err := replay.Run(t.Context(), in, enricher)
	if err != nil {
		t.Fatal(err)
	}
	var bad *BadRowError
	if replay.Rows != 7 || replay.Bad != 5 || out.Logins != 2 || !errors.As(replay.FirstBad, &bad) || bad.Row != 2 {
		t.Errorf("got %d rows, %d bad (first: %v), %d logins; want 7, 5 from row 2 on, 2", replay.Rows, replay.Bad, replay.FirstBad, out.Logins)
	}
}

func TestMissingColumnsAreNamed(t *testing.T) {
	_, err := NewRBAReader(strings.NewReader("index,User ID,IP Address\n"))
	if err == nil || !strings.Contains(err.Error(), "Login Timestamp") || !strings.Contains(err.Error(), "Is Account Takeover") || strings.Contains(err.Error(), "User ID") {
		t.Errorf("got %v, want the missing columns", err)
	}
}

func FuzzRBARowsAreRowsOrErrors(f *testing.F) {
	f.Add(strings.Join(RBAColumns, ",") + "\n2020-02-03 12:43:30.772,42,5,10.0.65.171,NO,-,-,29695,\"A\",B,C,mobile,True,False,False\n")
	f.Fuzz(func(t *testing.T, text string) {
		in, err := NewRBAReader(strings.NewReader(text))
		if err != nil {
			return
		}
		for {
			row, err := in.Next()
			var bad *BadRowError
			if err == io.EOF {
				return
			}
			if err != nil && !errors.As(err, &bad) {
				t.Fatalf("reading stopped: %v", err)
			}
			if (err == nil) != (row.Event != nil) {
				t.Fatalf("neither a row nor an error, or both: %v %v", row, err)
			}
		}
	})
}
