package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

// The README's walk of a rule is done as it stands there, but for the questions to ClickHouse and for ten million events.
func TestTheReadmesWalkOfARule(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, walk, ok := strings.Cut(string(readme), "### You write a rule")
	if !ok {
		t.Fatal("the README has no such part any more")
	}
	walk, _, _ = strings.Cut(walk, "### You run it")
	heredoc := regexp.MustCompile(`(?s)cat > mine.yaml <<'EOF'\n(.*?)EOF\n`).FindStringSubmatch(walk)
	if heredoc == nil {
		t.Fatal("the README writes no mine.yaml")
	}
	b := natstest.Start(t, 1)
	t.Chdir(t.TempDir())
	t.Setenv("RISKD_NATS_URL", b.URL())
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(".", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mine.yaml", heredoc[1])
	enforced, _, _ := strings.Cut(strings.Replace(heredoc[1], "mode: shadow", "mode: enforce", 1), "tests:") // what sed does there
	write("enforced.yaml", enforced)
	write("history.jsonl", inputLine(0, "ann", "")+"\n"+inputLine(1, "bob", "")+"\n") // of simulate, which needs the geo data
	write("truth.jsonl", "{\"id\":\"e0\",\"kind\":\"honest\"}\n")
	words := regexp.MustCompile(`"[^"]*"|[^ ]+`)
	done := 0
	for line := range strings.Lines(walk) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
		args, ours := strings.CutPrefix(strings.TrimSpace(line), "bin/riskctl ")
		if !ours || strings.HasPrefix(args, "query") || strings.HasPrefix(args, "simulate") {
			continue
		}
		var split []string
		for _, w := range words.FindAllString(args, -1) {
			split = append(split, strings.Trim(w, `"`))
		}
		if split[0] == "backtest" { // of files, or of the journal
			split = append(split, "-quiet", "-source", "journal")
		}
		out, stderr, code := call(t, "", split...)
		if code != exitOK {
			t.Fatalf("%s: code %d\n%s%s", line, code, out, stderr)
		}
		if strings.Contains(line, "history.jsonl") && !strings.Contains(out, "2 events of 2 users") {
			t.Errorf("%s: the file was not read:\n%s", line, out)
		}
		done++
	}
	if done < 11 {
		t.Errorf("only %d commands of the walk were found", done)
	}
	out, _, _ := call(t, "", "policy", "versions")
	if strings.Count(out, "mine@") != 2 || !strings.Contains(out, "100 %") {
		t.Errorf("at the end:\n%s", out)
	}
}
