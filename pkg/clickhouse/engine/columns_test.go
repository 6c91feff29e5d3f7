package engine_test

import (
	"fmt"
	"maps"
	"math/big"
	"net"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

func TestEveryTypeComesBackAsItWent(t *testing.T) {
	conn := client(t, shared)
	when := time.Date(2026, 11, 23, 12, 34, 56, 123_456_789, time.UTC)
	id := uuid.MustParse("0190a6c0-7b1e-7c3a-9d5e-0123456789ab")
	text := "text"
	columns := []struct {
		kind  string
		value any
	}{
		{"Bool", true}, {"Int8", int8(-8)}, {"Int64", int64(-1 << 62)}, {"UInt64", uint64(1<<64 - 1)},
		{"UInt256", new(big.Int).Lsh(big.NewInt(1), 255)}, {"Float32", float32(1.5)}, {"Float64", -2.25},
		{"String", "with \x00, \\ and 'quotes'"}, {"FixedString(3)", "abc"}, {"LowCardinality(String)", "low"},
		{"LowCardinality(Nullable(String))", &text}, {"Nullable(String)", (*string)(nil)}, {"Nullable(Float64)", new(3.5)},
		{"UUID", id}, {"IPv4", net.IPv4(203, 0, 113, 9).To4()}, {"IPv6", net.ParseIP("2001:db8::9")},
		{"Date", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, {"Date32", time.Date(1950, 1, 2, 0, 0, 0, 0, time.UTC)},
		{"DateTime('UTC')", when.Truncate(time.Second)}, {"DateTime64(3, 'UTC')", when.Truncate(time.Millisecond)}, {"DateTime64(9, 'UTC')", when},
		{"Enum8('required' = 1, 'satisfied' = 2)", "satisfied"}, {"Decimal(18, 4)", decimal.RequireFromString("12.3456")},
		{"Array(String)", []string{"a", "", "c"}}, {"Array(LowCardinality(String))", []string{"x", "x"}}, {"Array(Array(UInt8))", [][]uint8{{1}, {}, {2, 3}}},
		{"Map(String, Float32)", map[string]float32{"a": 1, "b": 2}}, {"Map(LowCardinality(String), String)", map[string]string{"k": "v"}},
		{"Tuple(a String, b UInt32)", map[string]any{"a": "x", "b": uint32(7)}},
	}
	definition, names := "", ""
	values := []any{}
	for i, column := range columns {
		if i > 0 {
			definition, names = definition+", ", names+", "
		}
		definition += fmt.Sprintf("c%d %s", i, column.kind)
		names += fmt.Sprintf("c%d", i)
		values = append(values, column.value)
	}
	execute(t, conn, "CREATE TABLE types ("+definition+") ENGINE = MergeTree ORDER BY tuple()")
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO types ("+names+")")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := batch.Append(values...); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	found, err := conn.Query(t.Context(), "SELECT * FROM types")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for ; found.Next(); rows++ {
		targets := make([]any, len(columns))
		for i, kind := range found.ColumnTypes() {
			targets[i] = reflect.New(kind.ScanType()).Interface()
		}
		if err := found.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		for i, column := range columns {
			got := reflect.ValueOf(targets[i]).Elem().Interface()
			if !same(got, column.value) {
				t.Errorf("%s: got %v (%T), want %v (%T)", column.kind, got, got, column.value, column.value)
			}
		}
	}
	if err := found.Err(); err != nil || rows != 3 {
		t.Errorf("got %d rows and error %v, want 3", rows, err)
	}
}

// same compares values that clickhouse-go may hand out in another shape.
func same(got, want any) bool {
	switch w := want.(type) {
	case time.Time:
		return w.Equal(got.(time.Time))
	case net.IP:
		return w.Equal(got.(net.IP))
	case decimal.Decimal:
		return w.Equal(got.(decimal.Decimal))
	case *big.Int:
		return w.Cmp(got.(*big.Int)) == 0
	case map[string]float32:
		return maps.Equal(w, got.(map[string]float32))
	}
	return reflect.DeepEqual(got, want)
}

func TestSemiStructuredTypesComeBack(t *testing.T) {
	conn := client(t, shared)
	execute(t, conn, `CREATE TABLE semi (j JSON, d Dynamic, v Variant(String, UInt64), n Nested(a String, b UInt8)) ENGINE = MergeTree ORDER BY tuple()`)
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO semi")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		object := clickhouse.NewJSON()
		object.SetValueAtPath("user.name", "u1")
		object.SetValueAtPath("n", int64(i))
		if err := batch.Append(object, clickhouse.NewDynamicWithType("dyn", "String"), clickhouse.NewVariantWithType(uint64(i), "UInt64"), []string{"x", "y"}, []uint8{1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	var got []string
	found, err := conn.Query(t.Context(), "SELECT j, d, v, n.a, toString(j) FROM semi ORDER BY j.n::Int64")
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		var object clickhouse.JSON
		var dynamic clickhouse.Dynamic
		var variant clickhouse.Variant
		var nested []string
		var text string
		if err := found.Scan(&object, &dynamic, &variant, &nested, &text); err != nil {
			t.Fatal(err)
		}
		name, _ := object.ValueAtPath("user.name")
		got = append(got, fmt.Sprint(name, dynamic.Any(), variant.Any(), nested, text))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 3 {
		want = append(want, fmt.Sprint("{u1 String}", "dyn", uint64(i), []string{"x", "y"}, fmt.Sprintf(`{"n":%d,"user":{"name":"u1"}}`, i)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
