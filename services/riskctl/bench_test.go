package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/simulate/simulatetest"
)

// benchArgs is a small bench over the small world, with a cut-down number of people.
func benchArgs(t *testing.T, more ...string) []string {
	t.Helper()
	city, asn := simulatetest.Files(t)
	return append([]string{"bench", "-geo-city", city, "-geo-asn", asn, "-users", "60", "-days", "16", "-attacks", "12", "-seeds", "2",
		"-session-worlds", "mixed,office", "-session-users", "25", "-session-days", "8", "-session-attacks", "5"}, more...)
}

func TestBenchPrintsEveryMethodTheWorldsAndALineForScripts(t *testing.T) {
	page := filepath.Join(t.TempDir(), "artifacts", "detection.html")
	out, stderr, code := call(t, "", benchArgs(t, "-page", page)...)
	if code != exitOK {
		t.Fatalf("got code %d: %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := lines[len(lines)-1]
	if want := regexp.MustCompile(`^detection: targeted_tpr99_h12=\S+ freeman=\S+ ratio=\S+ .*stolen_by2=\S+ .*ok=(true|false)$`); !want.MatchString(last) {
		t.Errorf("last line %q, want %s", last, want)
	}
	for _, want := range []string{
		"120 people", "\nriskd ", "freeman+token", "keycloak adaptive", "authentik (fixed)", "panther", "bcgov", "buffalogs", "riskd without token",
		"very_targeted, ", "95 %", " office ", "poisoner", "insiders within 20 actions", "MISSED",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the table says nothing of %q", want)
		}
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "riskd without travel", "stolen", "seeds 1 to 2"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page says nothing of %q", want)
		}
	}
}

func TestBenchIsTheSameTwice(t *testing.T) {
	a, _, _ := call(t, "", benchArgs(t)...)
	b, _, _ := call(t, "", benchArgs(t)...)
	if a != b || a == "" {
		t.Error("two runs with the same seeds print different tables")
	}
}

func TestBenchShowsWhatWentWrongInWords(t *testing.T) {
	out, stderr, code := call(t, "", benchArgs(t, "-show", "naive", "-most", "3")...)
	if code != exitOK {
		t.Fatalf("got code %d: %s", code, stderr)
	}
	for _, want := range []string{"naive: 12 attacks", "The 3 attacks that score lowest", "The 3 honest logins that score highest", "Before any evidence", "logins before"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, stderr, code = call(t, "", benchArgs(t, "-show", "sessions", "-most", "2")...)
	if code != exitOK || !strings.Contains(out, "honest prompts after the login") {
		t.Errorf("sessions: got code %d, %s\n%s", code, stderr, out)
	}
	if _, stderr, code = call(t, "", benchArgs(t, "-show", "insider")...); code != exitUsage || !strings.Contains(stderr, "insider") {
		t.Errorf("an attacker without login: got code %d, %s; want usage", code, stderr)
	}
}

func TestBenchRunsOverTheRBADataSet(t *testing.T) {
	row := func(at, user, ip, country, asn, success, attack, takeover string) string {
		return at + "," + user + ",12," + ip + "," + country + ",-,-," + asn + ",Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0,Firefox 140,Linux,desktop," + success + "," + attack + "," + takeover + "\n"
	}
	text := strings.Join(laboratory.RBAColumns, ",") + "\n"
	for _, day := range []string{"03", "04", "05", "06", "07"} {
		text += row("2020-02-"+day+" 08:00:00.000", "1", "192.0.2.1", "NO", "29695", "True", "False", "False")
		text += row("2020-02-"+day+" 09:00:00.000", "2", "198.51.100.1", "NO", "2119", "True", "False", "False")
	}
	text += row("2020-02-08 03:00:00.000", "1", "203.0.113.1", "RU", "1", "True", "True", "True") + row("2020-02-08 04:00:00.000", "2", "203.0.113.1", "RU", "1", "False", "True", "False") + "broken\n"
	file := filepath.Join(t.TempDir(), "rba.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := call(t, "", "bench", "-rba", file)
	if code != exitOK {
		t.Fatalf("got code %d: %s", code, stderr)
	}
	last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
	for _, want := range []string{"rba: rows=13 bad=1 logins=10", "account_takeover_auc=1.0000", "attack_ip_auc=1.0000"} {
		if !strings.Contains(last, want) {
			t.Errorf("last line %q, want %q in it", last, want)
		}
	}
	if !strings.Contains(stderr, "row 13") {
		t.Errorf("stderr %q does not name the bad row", stderr)
	}
}

func TestTogetherStopsTheOthersWhenOneFails(t *testing.T) {
	broken := errors.New("broken")
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	jobs := []func(context.Context) error{func(context.Context) error { return broken }}
	for range 50 {
		jobs = append(jobs, wait)
	}
	if err := together(t.Context(), jobs, func(int) {}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := together(ctx, jobs[1:], func(int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: got %v", err)
	}
}
