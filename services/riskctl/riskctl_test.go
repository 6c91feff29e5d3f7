package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/simulate/simulatetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { simulatetest.Clean(); os.Exit(code) }))
}

// call runs riskctl as a shell would.
func call(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, streams{in: strings.NewReader(stdin), out: &out, err: &err})
	return out.String(), err.String(), code
}

// inputLine is a line of input: the n-th thing a user did, a minute after the one before.
func inputLine(n int, user, rest string) string {
	return fmt.Sprintf(`{"id":"e%d","source":"//t/app","type":"dev.riskd.activity.v1","time":"2026-11-20T10:%02d:00Z","tenant_id":"t","user":{"id":%q},`+
		`"session":{"id":"s-%s"},"action":"resource.read","outcome":"success"%s}`, n, n%60, user, user, rest)
}

func TestScoreAnswersEachEventInOrder(t *testing.T) {
	var in strings.Builder
	for n := range 600 {
		in.WriteString(inputLine(n, fmt.Sprintf("u%d", n%7), "") + "\n")
	}
	out, stderr, code := call(t, in.String(), "score", "-no-geo")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 600 {
		t.Fatalf("got code %d and %d lines, want 0 and 600; stderr %s", code, len(lines), stderr)
	}
	for n, l := range lines {
		var d struct {
			EventID string `json:"event_id"`
			Action  string
			Parts   []struct{ Nats float64 }
		}
		if err := json.Unmarshal([]byte(l), &d); err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		if want := fmt.Sprintf("e%d", n); d.EventID != want || d.Action == "" || len(d.Parts) == 0 {
			t.Fatalf("line %d is about %q (%s), want a decision on %s", n+1, d.EventID, l, want)
		}
	}
	if !strings.Contains(stderr, "scored=600 duplicate=0 late=0 dead_letter=0 bad=0 users=7") {
		t.Errorf("summary %q", stderr)
	}
}

func TestScoreTakesLinesAsTheyComeFromTheWorld(t *testing.T) {
	structured := `{"specversion":"1.0","id":"c1","source":"//t/app","type":"dev.riskd.activity.v1","time":"2026-11-20T12:00:00+01:00","data":` +
		`{"tenant_id":"t","user":{"id":"u1"},"action":"auth.login","outcome":"success","network":{"geo":{"lat":35.68,"lon":139.65,"accuracy_km":20,"country":"JP","city":"Tokyo"}}}}`
	in := "\xef\xbb\xbf" + inputLine(1, "u1", "") + "\r\n" + "\r\n   \n" +
		"{\"id\":\n" + // broken
		structured + "\n" +
		"[" + inputLine(2, "u1", "") + "," + inputLine(3, "u1", "") + "]\n" +
		`{"note":"` + strings.Repeat("x", 300<<10) + "\"}\n" +
		strings.Repeat("y", maxLine+10) + "\n" +
		inputLine(1, "u1", "") + "\n" + // again
		inputLine(4, "u1", `,"surprise":{"a":[1,2]}`) // no line end, unknown field
	out, stderr, code := call(t, in, "score", "-no-geo", "-quiet")
	if code != exitOK {
		t.Fatalf("got code %d, want 0: %s", code, stderr)
	}
	var ids []string
	for l := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		var d struct {
			EventID string `json:"event_id"`
			Status  string
		}
		if err := json.Unmarshal([]byte(l), &d); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.EventID+d.Status)
	}
	if got, want := strings.Join(ids, " "), "e1 c1 e2 e3 e1duplicate e4"; got != want {
		t.Errorf("got lines about %q, want %q", got, want)
	}
	for _, want := range []string{"line 4: ", "line 7: ", "line 8: "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr does not report %q: %s", want, stderr)
		}
	}
	if n := strings.Count(stderr, "\n"); n != 3 {
		t.Errorf("got %d reports, want 3: %s", n, stderr)
	}
}

func TestScoreStrictStopsAtTheFirstBadLine(t *testing.T) {
	in := inputLine(1, "u", "") + "\nnonsense\n" + inputLine(2, "u", "") + "\n"
	out, stderr, code := call(t, in, "score", "-no-geo", "-strict")
	if code != exitInput || strings.Count(out, "\n") != 1 || !strings.Contains(stderr, "line 2") {
		t.Errorf("got code %d, output %q, stderr %q; want 3, one decision, line 2 named", code, out, stderr)
	}
}

func TestScoreReportsLatecomersInTheirPlace(t *testing.T) {
	old := strings.Replace(inputLine(9, "u", ""), "2026-11-20", "2026-10-01", 1)
	out, _, _ := call(t, inputLine(1, "u", "")+"\n"+old+"\n"+inputLine(2, "u", "")+"\n", "score", "-no-geo")
	lines := strings.Split(out, "\n")
	if !strings.Contains(lines[1], `"event_id":"e9"`) || !strings.Contains(lines[1], `"status":"late"`) {
		t.Errorf("second line %s, want e9 late", lines[1])
	}
}

func TestScoreIsTheSameForManyUsersAsForFew(t *testing.T) {
	// More users than are kept as objects: profiles are encoded and decoded on the way.
	one := func(others int) string {
		var in strings.Builder
		for n := range 8 {
			in.WriteString(inputLine(n, "me", `,"network":{"geo":{"lat":51.5,"lon":-0.1,"accuracy_km":20,"country":"GB"}}`) + "\n")
			for o := range others {
				fmt.Fprintln(&in, inputLine(1000+n, fmt.Sprintf("o%d-%d", n, o), ""))
			}
		}
		out, _, _ := call(t, in.String(), "score", "-no-geo")
		var mine strings.Builder
		for l := range strings.SplitSeq(out, "\n") {
			if strings.Contains(l, `"user_id":"me"`) {
				mine.WriteString(l + "\n")
			}
		}
		return mine.String()
	}
	alone, among := one(0), one(maxLive)
	if alone == "" || alone != among {
		t.Errorf("my decisions differ when %d others come between:\n%s\n%s", maxLive, alone, among)
	}
}

func TestScoreAnswersBeforeTheInputEnds(t *testing.T) {
	in, feed := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan int)
	go func() {
		code := run(t.Context(), []string{"score", "-no-geo", "-quiet"}, streams{in: in, out: out, err: io.Discard})
		out.Close()
		done <- code
	}()
	for n := range 3 { // a program that waits for each answer must not wait for ever
		fmt.Fprintln(feed, inputLine(n, "u", ""))
		buf := make([]byte, 16<<10)
		k, err := answers.Read(buf)
		if err != nil || !bytes.Contains(buf[:k], fmt.Appendf(nil, `"event_id":"e%d"`, n)) {
			t.Fatalf("got %s, %v; want the decision on e%d", buf[:k], err, n)
		}
	}
	feed.Close()
	_, _ = io.Copy(io.Discard, answers)
	if code := <-done; code != exitOK {
		t.Errorf("got code %d, want 0", code)
	}
}

func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(bad, []byte(`{"thresholds":{"stepp_up":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no such command", []string{"scor"}, "did you mean score"},
		{"no command", nil, "riskctl COMMAND"},
		{"no such flag", []string{"score", "-polcy", "x"}, "polcy"},
		{"policy file missing", []string{"score", "-no-geo", "-policy", "/nowhere.json"}, "/nowhere.json"},
		{"policy with an unknown key", []string{"score", "-no-geo", "-policy", bad}, "stepp_up"},
		{"geo file missing", []string{"score", "-geo-city", "/nowhere.mmdb"}, "-geo-city"},
		{"an argument too many", []string{"version", "now"}, "now"},
		{"a world that is none", []string{"simulate", "-world", "flat"}, "flat"},
		{"too short a demo", []string{"demo", "-seconds", "3"}, "-seconds"},
		{"a story without a name", []string{"session"}, "name one session"},
		{"no record to read", []string{"user", "-data", dir, "u1"}, "clickhouse.password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, stderr, code := call(t, "", c.args...)
			if code != exitUsage || !strings.Contains(stderr, c.want) {
				t.Errorf("got code %d, %q; want 2 and a mention of %q", code, stderr, c.want)
			}
		})
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range commands {
		out, _, code := call(t, "", c.name, "-h")
		if code != exitOK || !strings.Contains(out, "riskctl "+c.name) {
			t.Errorf("%s -h: code %d, %q", c.name, code, out)
		}
		if again, _, _ := call(t, "", "help", c.name); again != out {
			t.Errorf("help %s differs from %s -h", c.name, c.name)
		}
	}
}

func TestSimulateWithoutGeoDataSaysHowToGetIt(t *testing.T) {
	_, stderr, code := call(t, "", "simulate", "-data", t.TempDir())
	if code != exitError || !strings.Contains(stderr, "make setup") {
		t.Errorf("got code %d, %q; want 1 and the way to the data", code, stderr)
	}
}

func FuzzInputLinesAreEventsOrErrors(f *testing.F) {
	f.Add([]byte(inputLine(1, "u", "") + "\r\n[]\n[1]\n{}\n\xef\xbb\xbf{}\n\n[" + inputLine(2, "u", "") + "]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		chunks := make(chan chunk, len(in)+1)
		readChunks(t.Context(), bytes.NewReader(in), chunks)
		last := 0
		for c := range chunks {
			for _, l := range c.lines {
				if (l.ev == nil) == (l.err == nil) {
					t.Fatalf("line %d is neither an event nor an error, or both: %v %v", l.number, l.ev, l.err)
				}
				if l.number < last || l.number > 1+bytes.Count(in, []byte("\n")) {
					t.Fatalf("line number %d after %d in %q", l.number, last, in)
				}
				last = l.number
			}
		}
	})
}
