package native

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
)

const everyType = `CREATE TABLE t (a String, b LowCardinality(String), c FixedString(4), d UInt16, e UInt32, f UInt64, g Float64, h Float32, i Bool,
	j DateTime64(3, 'UTC'), k IPv6, l Array(String), m Array(LowCardinality(String)), n Array(Float64), o Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY a
	SETTINGS non_replicated_deduplication_window = 100`

// What goes in comes out, as clickhouse-go reads it.
func TestEveryTypeComesBack(t *testing.T) {
	opt := enginetest.Options(t)
	database := opt.Auth.Database
	opt.Auth.Database = "default"
	if err := enginetest.Open(t, opt).Exec(t.Context(), "CREATE DATABASE "+database); err != nil {
		t.Fatal(err)
	}
	opt.Auth.Database = database
	conn := enginetest.Open(t, opt)
	if err := conn.Exec(t.Context(), everyType); err != nil {
		t.Fatal(err)
	}
	client, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	columns := []Column{
		{"a", []string{"x", "y\x00ü"}}, {"b", []string{"one", ""}}, {"c", []string{"abcd", "z"}}, {"d", []uint16{1, 65535}}, {"e", []uint32{7, 1 << 31}},
		{"f", []uint64{1 << 63, 0}}, {"g", []float64{1.5, -0.1}}, {"h", []float32{2.5, 0}}, {"i", []bool{true, false}}, {"j", []int64{1_763_600_000_123, 0}},
		{"k", []netip.Addr{netip.MustParseAddr("203.0.113.7"), {}}}, {"l", [][]string{{"p", "q"}, nil}}, {"m", [][]string{nil, {"r"}}}, {"n", [][]float64{{1, 2}, {}}},
		{"o", []map[string]string{{"k": "v"}, nil}},
	}
	for range 2 { // the second is dropped by its token
		if err := client.Insert(t.Context(), "t", columns, map[string]string{"insert_deduplication_token": "one"}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := conn.Query(t.Context(), "SELECT * FROM t ORDER BY a")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	type row struct {
		a, b, c string
		d       uint16
		e       uint32
		f       uint64
		g       float64
		h       float32
		i       bool
		j       time.Time
		k       netip.Addr
		l, m    []string
		n       []float64
		o       map[string]string
	}
	var got []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.a, &r.b, &r.c, &r.d, &r.e, &r.f, &r.g, &r.h, &r.i, &r.j, &r.k, &r.l, &r.m, &r.n, &r.o); err != nil {
			t.Fatal(err)
		}
		r.j, r.k = r.j.UTC(), r.k.Unmap()
		got = append(got, r)
	}
	want := []row{
		{"x", "one", "abcd", 1, 7, 1 << 63, 1.5, 2.5, true, time.UnixMilli(1_763_600_000_123).UTC(), netip.MustParseAddr("203.0.113.7"), []string{"p", "q"}, []string{}, []float64{1, 2}, map[string]string{"k": "v"}},
		{"y\x00ü", "", "z\x00\x00\x00", 65535, 1 << 31, 0, -0.1, 0, false, time.UnixMilli(0).UTC(), netip.IPv6Unspecified(), []string{}, []string{"r"}, []float64{}, map[string]string{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatCannotBeSentIsAnError(t *testing.T) {
	opt := enginetest.Options(t)
	opt.Auth.Database = "default"
	client, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := enginetest.Open(t, opt).Exec(t.Context(), "CREATE TABLE IF NOT EXISTS refused (a String, d UInt16, f FixedString(2)) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	for name, columns := range map[string][]Column{
		"an unknown column": {{"b", []string{"x"}}}, "another type": {{"a", []uint16{1}}}, "two lengths": {{"a", []string{"x"}}, {"d", []uint16{1, 2}}},
		"too long": {{"f", []string{"xyz"}}}, "a Go type nobody knows": {{"a", []int{1}}},
	} {
		if err := client.Insert(t.Context(), "refused", columns, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var refused *Error
	if err := client.Insert(t.Context(), "refused", []Column{{"a", []string{"x"}}}, map[string]string{"no_such_setting": "1"}); !errors.As(err, &refused) || refused.Code != 115 {
		t.Errorf("a setting that is none: %v, want code 115", err)
	}
	if _, err := New(&clickhouse.Options{Protocol: clickhouse.Native, Addr: []string{"x"}}); !errors.Is(err, ErrProtocol) {
		t.Errorf("the native protocol: %v", err)
	}
}
