package story

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrParameter is returned for a parameter that is missing, unknown or does not parse.
var ErrParameter = errors.New("wrong parameter")

// Table is the answer to any named question: rows of values in the order of the columns. Values are Go's own
// (string, float64, uint64, time.Time, netip.Addr, bool, slices of them).
type Table struct {
	Columns []string
	Rows    [][]any
}

// Column is where a column stands, -1 when there is none.
func (t Table) Column(name string) int { return slices.Index(t.Columns, name) }

// Ask answers a named question with parameters as text. Those that are not given get a default: filters are empty,
// since is a day ago, until now, limit 100, step 300, minutes 10, min_risk 0; what a question is
// about (a session, an address) has none. Moments are RFC 3339, "2006-01-02 15:04:05" in UTC, a date, or a duration back from
// now such as 36h or 7d; lists are separated by commas.
func (r *Reader) Ask(ctx context.Context, name string, given map[string]string, now time.Time) (Table, error) {
	a, err := resolve(name, given, now)
	if err != nil {
		return Table{}, err
	}
	var t Table
	err = r.ask(ctx, name, a, func(rows driver.Rows) error {
		if t.Columns == nil {
			t.Columns = rows.Columns()
		}
		if len(t.Rows) >= maxAnswer {
			return fmt.Errorf("more than %d rows; narrow the question", maxAnswer)
		}
		types := rows.ColumnTypes()
		row := make([]any, len(types))
		for i, c := range types {
			row[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(row...); err != nil {
			return err
		}
		for i := range row {
			row[i] = reflect.ValueOf(row[i]).Elem().Interface()
		}
		t.Rows = append(t.Rows, row)
		return nil
	})
	return t, err
}

// maxAnswer bounds the rows of a table; questions without a limit of their own answer per code, rule or step.
const maxAnswer = 100_000

// resolve makes a question's parameters of texts and defaults.
func resolve(name string, given map[string]string, now time.Time) (args, error) {
	params, err := Parameters(name)
	if err != nil {
		return nil, err
	}
	text, err := Question(name)
	if err != nil {
		return nil, err
	}
	a := args{}
	for _, p := range params {
		v, ok := given[p.Name]
		if !ok {
			if v, ok = fallback(p, text); !ok {
				return nil, fmt.Errorf("%w: %s needs %s (%s)", ErrParameter, name, p.Name, p.Type)
			}
		}
		if a[p.Name], err = p.parse(v, now); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrParameter, p.Name, err)
		}
	}
	for k := range given {
		if _, ok := a[k]; !ok {
			return nil, fmt.Errorf("%w: %s has none named %q", ErrParameter, name, k)
		}
	}
	return a, nil
}

// fallback is the value of a parameter that was not given; false when it is what the question is about.
func fallback(p Parameter, text string) (string, bool) {
	switch p.Name {
	case "since":
		return "24h", true
	case "until":
		return "0s", true
	case "limit":
		return "100", true
	case "step":
		return "300", true
	case "minutes":
		return "10", true
	case "min_risk":
		return "0", true
	}
	return "", p.Type == "String" && strings.Contains(text, "{"+p.Name+":String} = ''")
}

func (p Parameter) parse(v string, now time.Time) (any, error) {
	switch {
	case strings.HasPrefix(p.Type, "DateTime"):
		return moment(v, now)
	case strings.HasPrefix(p.Type, "UInt"):
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", v)
		}
		return uint32(n), nil
	case strings.HasPrefix(p.Type, "Float"):
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", v)
		}
		return f, nil
	case strings.HasPrefix(p.Type, "Array"):
		return strings.Split(v, ","), nil
	}
	return v, nil
}

func moment(v string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 40000 {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(v); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a moment (RFC 3339) nor a time back from now (36h, 7d)", v)
}

// Optional says whether a question's parameter has a default.
func Optional(name string, p Parameter) bool {
	text, err := Question(name)
	if err != nil {
		return false
	}
	_, ok := fallback(p, text)
	return ok
}
