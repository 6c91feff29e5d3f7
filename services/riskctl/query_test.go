package main

import (
	"bytes"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

func TestQueryListsEveryQuestionWithWhatItNeeds(t *testing.T) {
	out, stderr, code := call(t, "", "query", "-list")
	if code != exitOK {
		t.Fatalf("code %d, %s", code, stderr)
	}
	for _, name := range story.Names() {
		if !strings.Contains(out, "\n"+name+" ") && !strings.HasPrefix(out, name+" ") {
			t.Errorf("%s is not listed", name)
		}
	}
	if !strings.Contains(out, "users_of_ip           ip [since] [tenant] [limit]") {
		t.Errorf("parameters of users_of_ip are not shown: %s", out)
	}
}

func TestQueryPrintsItsSQL(t *testing.T) {
	out, _, code := call(t, "", "query", "funnel", "-sql")
	if code != exitOK || !strings.Contains(out, "FROM signals") {
		t.Errorf("code %d, %s", code, out)
	}
}

func TestQueryNamesMistakesOfTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "name one question"},
		{[]string{"nonsense"}, `no question is named "nonsense"`},
		{[]string{"funnel", "evidence"}, "name one question"},
		{[]string{"funnel", "-format", "xml"}, "none of table, json, csv"},
		{[]string{"-param", "since", "funnel"}, "not name=value"},
		{[]string{"funnel", "-data", t.TempDir()}, "no -clickhouse-dsn"},
	} {
		_, stderr, code := call(t, "", append([]string{"query"}, c.args...)...)
		if code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: code %d, %s; want %q", c.args, code, stderr, c.want)
		}
	}
}

func TestTablesAreWrittenInThreeFormats(t *testing.T) {
	table := story.Table{Columns: []string{"user", "ip", "places", "at", "share", "n"}, Rows: [][]any{
		{"a\x1b[31mda", net.ParseIP("::ffff:10.1.2.3"), []string{"DE", "GB"}, time.Date(2026, 11, 20, 12, 0, 0, 5e6, time.UTC), math.NaN(), uint64(7)},
		{`quo"te, comma`, net.ParseIP("2001:db8::1"), []string{}, time.Unix(0, 0), 0.5, uint64(0)},
	}}
	want := map[string]string{
		"table": "user           ip           places  at                        share  n\n" +
			"a?[31mda       10.1.2.3     DE, GB  2026-11-20T12:00:00.005Z  NaN    7\n" +
			"quo\"te, comma  2001:db8::1  -       1970-01-01T00:00:00Z      0.5    0\n",
		"json": `{"user":"a\u001b[31mda","ip":"10.1.2.3","places":["DE","GB"],"at":"2026-11-20T12:00:00.005Z","share":null,"n":7}` + "\n" +
			`{"user":"quo\"te, comma","ip":"2001:db8::1","places":[],"at":"1970-01-01T00:00:00Z","share":0.5,"n":0}` + "\n",
		"csv": "user,ip,places,at,share,n\na\x1b[31mda,10.1.2.3,\"DE, GB\",2026-11-20T12:00:00.005Z,NaN,7\n\"quo\"\"te, comma\",2001:db8::1,,1970-01-01T00:00:00Z,0.5,0\n",
	}
	for format, write := range writers {
		var b bytes.Buffer
		if err := write(&b, table); err != nil || b.String() != want[format] {
			t.Errorf("%s: %v\n got %q\nwant %q", format, err, b.String(), want[format])
		}
	}
}
