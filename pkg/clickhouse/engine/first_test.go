package engine_test

import (
	"testing"
	"fmt"
)

func TestFirst(t *testing.T) {
	conn := client(t, shared)
	v, err := conn.ServerVersion()
	fmt.Println(v, err)
	exec(t, conn, "CREATE TABLE first (a UInt64, b LowCardinality(String)) ENGINE=MergeTree ORDER BY a")
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO first")
	if err != nil { t.Fatal(err) }
	for i := range 100000 { if err := batch.Append(uint64(i), fmt.Sprint(i%100)); err != nil { t.Fatal(err) } }
	if err := batch.Send(); err != nil { t.Fatal(err) }
	fmt.Println(count(t, conn, "first"))
	for _, q := range []string{"SELECT 1", "SELECT 1 FORMAT JSON", "SELECT * FROM system.one WHERE x", "CREATE TABLE z (a Int8) ENGINE=File(CSV)", "SELECT file('/etc/passwd')","SELECT * FROM numbers(3) FORMAT CSVWithNames"} {
		fmt.Println(raw(t, shared, "POST", q))
	}
}
