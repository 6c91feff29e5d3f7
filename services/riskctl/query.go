package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

var queryCommand = &command{
	name: "query", args: "NAME", short: "ask one of the named questions, those of console and dashboards",
	long: `
-list shows the questions with their parameters. Those in brackets have a default: filters are empty, since is a day
ago. Moments are RFC 3339, "2026-11-20 12:00:00" in UTC, or a time back from now (36h, 7d).

  riskctl query -list
  riskctl query funnel -param since=7d -param tenant=acme
  riskctl query users_of_ip -param ip=203.0.113.7 -format csv
  riskctl query -sql funnel

Formats: table for people, json (an object per row and line), csv. Names come from outside: table hides what could
move a cursor; json and csv hold them as they came, so a spreadsheet may take one for a formula.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var db databaseFlags
		db.bind(fs)
		given := map[string]string{}
		fs.Func("param", "`name=value` of a parameter; may be repeated", func(v string) error {
			name, value, ok := strings.Cut(v, "=")
			if !ok || name == "" {
				return fmt.Errorf("%q is not name=value", v)
			}
			given[name] = value
			return nil
		})
		format := fs.String("format", "table", "table, json or csv")
		list := fs.Bool("list", false, "list the questions instead")
		sql := fs.Bool("sql", false, "print the question's SQL instead of asking it")
		return func(ctx context.Context, std streams, args []string) error {
			write := writers[*format]
			switch {
			case *list && len(args) == 0:
				return listQuestions(std.out)
			case len(args) != 1 || *list:
				return usageError("name one question; -list shows them")
			case write == nil:
				return usageError("-format %q is none of table, json, csv", *format)
			}
			text, err := story.Question(args[0])
			if err != nil {
				return usageError("%w; -list shows them", err)
			}
			if *sql {
				_, err := fmt.Fprintln(std.out, text)
				return err
			}
			r, done, err := db.reader(ctx)
			if err != nil {
				return err
			}
			defer done()
			t, err := r.Ask(ctx, args[0], given, time.Now())
			if errors.Is(err, story.ErrParameter) {
				return &exit{exitUsage, err}
			}
			if err != nil {
				return err
			}
			return write(std.out, t)
		}
	},
}

func listQuestions(w io.Writer) error {
	p := printer{w: w}
	for _, name := range story.Names() {
		params, err := story.Parameters(name)
		if err != nil {
			return err
		}
		var words []string
		for _, x := range params {
			word := x.Name
			if story.Optional(name, x) {
				word = "[" + word + "]"
			}
			words = append(words, word)
		}
		p.line("%-21s %s", name, strings.Join(words, " "))
		p.line("    %s", story.About(name))
	}
	return p.err
}

// writers of tables, by format.
var writers = map[string]func(io.Writer, story.Table) error{"table": writeTable, "json": writeJSONLines, "csv": writeCSV}

func writeTable(w io.Writer, t story.Table) error {
	if len(t.Rows) == 0 {
		_, err := fmt.Fprintln(w, "no rows")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(t.Columns, "\t"))
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			if cells[i] = shorten(clean(cellText(v)), 60); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// writeJSONLines keeps the order of the columns, which maps would not.
func writeJSONLines(w io.Writer, t story.Table) error {
	for _, row := range t.Rows {
		var b strings.Builder
		b.WriteByte('{')
		for i, v := range row {
			if i > 0 {
				b.WriteByte(',')
			}
			key, err := json.Marshal(t.Columns[i])
			if err != nil {
				return err
			}
			b.Write(key)
			b.WriteByte(':')
			value, err := json.Marshal(plainValue(v))
			if err != nil { // NaN and the infinities: no number was there
				value = []byte("null")
			}
			b.Write(value)
		}
		b.WriteString("}\n")
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func writeCSV(w io.Writer, t story.Table) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.Columns); err != nil {
		return err
	}
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cellText(v)
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// plainValue undoes what only ClickHouse needs: IPv4 mapped into IPv6.
func plainValue(v any) any {
	switch x := v.(type) {
	case netip.Addr:
		return x.Unmap().String()
	case fmt.Stringer: // net.IP prints IPv4 plainly by itself
		if t, ok := v.(time.Time); ok {
			return t.UTC().Format(time.RFC3339Nano)
		}
		return x.String()
	}
	return v
}

func cellText(v any) string {
	switch x := plainValue(v).(type) {
	case string:
		return x
	case []string:
		return strings.Join(x, ", ")
	default:
		return fmt.Sprint(x)
	}
}
