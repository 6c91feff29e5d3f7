package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestClickHouseGoInsertsAndReadsWithEveryCompression(t *testing.T) {
	const rows = 50_000
	for name, compression := range map[string]*clickhouse.Compression{
		"none":    nil,
		"lz4":     {Method: clickhouse.CompressionLZ4},
		"lz4hc":   {Method: clickhouse.CompressionLZ4HC, Level: 3},
		"zstd":    {Method: clickhouse.CompressionZSTD},
		"gzip":    {Method: clickhouse.CompressionGZIP, Level: 3},
		"deflate": {Method: clickhouse.CompressionDeflate, Level: 3},
		"br":      {Method: clickhouse.CompressionBrotli, Level: 3},
	} {
		t.Run(name, func(t *testing.T) {
			conn := client(t, shared, func(o *clickhouse.Options) { o.Compression = compression })
			table := "compression_" + name
			execute(t, conn, "CREATE TABLE "+table+" (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint64(rows) {
				if err := batch.Append(i, fmt.Sprint("row ", i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			found, err := conn.Query(t.Context(), "SELECT n, s FROM "+table+" ORDER BY n")
			if err != nil {
				t.Fatal(err)
			}
			next := uint64(0)
			for ; found.Next(); next++ {
				var n uint64
				var s string
				if err := found.Scan(&n, &s); err != nil {
					t.Fatal(err)
				}
				if n != next || s != fmt.Sprint("row ", n) {
					t.Fatalf("got row %d %q at place %d", n, s, next)
				}
			}
			if err := found.Err(); err != nil || next != rows {
				t.Errorf("got %d rows and error %v, want %d", next, err, rows)
			}
			// Errors come through compressed connections with their code, too.
			if got, want := code(t, conn.Exec(t.Context(), "SELECT * FROM missing_table")), int32(60); got != want {
				t.Errorf("got code %d, want %d", got, want)
			}
		})
	}
}

func TestSmallInsertsOfAllKindsAreKept(t *testing.T) {
	conn := client(t, shared)
	execute(t, conn, "CREATE TABLE small (n UInt64, s String DEFAULT 'x') ENGINE = MergeTree ORDER BY n")
	execute(t, conn, "INSERT INTO small VALUES (1, 'a'), (2, upper('b'))")
	execute(t, conn, "INSERT INTO small VALUES (3, DEFAULT)")
	execute(t, conn, "INSERT INTO small (n) VALUES (?), (?)", 4, 5)
	execute(t, conn, "INSERT INTO small (n, s) VALUES ({n:UInt64}, {s:String})", clickhouse.Named("n", 6), clickhouse.Named("s", "p'q"))
	execute(t, conn, "INSERT INTO small SELECT number + 7, 'sel' FROM numbers(3)")
	execute(t, conn, "WITH 10 AS ten SELECT ten")
	for n, wait := range []bool{true, false} {
		with := clickhouse.Context(t.Context(), clickhouse.WithAsync(wait))
		if err := conn.Exec(with, fmt.Sprintf("INSERT INTO small (n) VALUES (%d)", 11+n)); err != nil {
			t.Fatal(err)
		}
	}
	with := clickhouse.Context(t.Context(), clickhouse.WithAsync(true))
	if err := conn.Exec(with, "INSERT INTO small (n) VALUES (13)"); err != nil {
		t.Fatal(err)
	}
	var n uint64
	var text string
	for deadline := time.Now().Add(5 * time.Second); n != 12 && time.Now().Before(deadline); {
		if err := conn.QueryRow(t.Context(), "SELECT count(), arrayStringConcat(groupArray(s), ',') FROM (SELECT s FROM small WHERE n < 10 ORDER BY n)").Scan(&n, &text); err != nil {
			t.Fatal(err)
		}
		n = count(t, conn, "small")
	}
	if want := "a,B,x,x,x,p'q,sel,sel,sel"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if n != 12 {
		t.Errorf("got %d rows, want 12", n)
	}
}

func TestABatchWithATokenThatWasSeenAddsNothing(t *testing.T) {
	conn := client(t, shared)
	execute(t, conn, "CREATE TABLE tokens (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
	execute(t, conn, "CREATE MATERIALIZED VIEW tokens_sum (n SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 100 AS SELECT count() AS n FROM tokens")
	for _, token := range []string{"journal:1-100", "journal:1-100", "journal:101-200"} {
		with := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{
			"insert_deduplication_token": token, "deduplicate_blocks_in_dependent_materialized_views": 1,
		}))
		batch, err := conn.PrepareBatch(with, "INSERT INTO tokens")
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(100) {
			if err := batch.Append(i); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
	var inView uint64
	if err := conn.QueryRow(t.Context(), "SELECT sum(n) FROM tokens_sum").Scan(&inView); err != nil {
		t.Fatal(err)
	}
	if got := count(t, conn, "tokens"); got != 200 || inView != 200 {
		t.Errorf("got %d rows and %d in the view, want 200 and 200", got, inView)
	}
}

func TestInsertsInEveryShape(t *testing.T) {
	if status, body, _ := raw(t, shared, "POST", "CREATE TABLE risk.shapes (n UInt64, s String) ENGINE = MergeTree ORDER BY n"); status != 200 {
		t.Fatal(body)
	}
	for i, c := range []struct{ query, body string }{
		{"INSERT INTO shapes FORMAT TSV", "1\ta\n"},
		{"INSERT INTO shapes (n, s) FORMAT JSONEachRow", `{"n":2,"s":"b"}`},
		{"", "INSERT INTO shapes FORMAT CSV\n3,c\n"},
		{"", "INSERT INTO shapes FORMAT CSV 4,d"},
		{"", "INSERT INTO shapes VALUES (5, 'e;')"},
		{"INSERT INTO shapes VALUES", "(6, 'f')"},
		{"insert into shapes settings max_threads = 1 format Values", "(7, 'g')"},
		{"INSERT INTO TABLE shapes (* EXCEPT (s)) VALUES", "(8)"},
		{"INSERT INTO shapes SELECT 9, 'i'", ""},
		{"INSERT INTO shapes (n, s) WITH 10 AS x SELECT x, 'j'", ""},
		{"INSERT /* FORMAT CSV */ INTO `shapes` -- VALUES\n FORMAT TSV", "11\tk"},
		{"INSERT INTO shapes", "VALUES (12, 'l')"},
		{"INSERT INTO shapes FORMAT TSV", ""},
		{"INSERT INTO risk.shapes FORMAT TSV", "13\tm\n"},
	} {
		if status, body, _ := raw(t, shared, "POST", c.body, withQuery(c.query)...); status != 200 || body != "" {
			t.Errorf("%d: %s %q: got %d %q", i, c.query, c.body, status, body)
		}
	}
	_, body, _ := raw(t, shared, "POST", "SELECT groupArray(n), groupArray(s) FROM (SELECT * FROM risk.shapes ORDER BY n)")
	if want := "[1,2,3,4,5,6,7,8,9,10,11,12,13]\t['a','b','c','d','e;','f','g','','i','j','k','l','m']\n"; body != want {
		t.Errorf("got %s want %s", body, want)
	}
	for _, text := range []string{"INSERT INTO risk.shapes VALUES (90, 'x'); DROP TABLE risk.shapes", "INSERT INTO risk.shapes VALUES (90, 'x'); INSERT INTO risk.shapes VALUES (91, 'y')"} {
		if _, body, header := raw(t, shared, "POST", text); header.Get("X-ClickHouse-Exception-Code") != "62" {
			t.Errorf("%s: got %q, want code 62", text, body)
		}
	}
	for query, want := range map[string]string{"INSERT INTO risk.shapes FORMAT TSV": "27", "INSERT INTO missing FORMAT TSV": "60", "INSERT INTO risk.shapes FORMAT NoSuch": "73", "INSERT INTO risk.shapes (zz) FORMAT TSV": "16",
		"INSERT INTO risk.shapes SELECT n, s FROM input('n UInt64, s String') FORMAT TSV": "48"} {
		if _, body, header := raw(t, shared, "POST", "not a number\tx\n", "query", query); header.Get("X-ClickHouse-Exception-Code") != want {
			t.Errorf("%s: got %q, want code %s", query, body, want)
		}
	}
	if _, body, _ := raw(t, shared, "POST", "SELECT count() FROM risk.shapes"); body != "13\n" {
		t.Errorf("got %s rows, want 13", body)
	}
}

func withQuery(query string) []string {
	parameters := []string{"database", "risk"}
	if query != "" {
		parameters = append(parameters, "query", query)
	}
	return parameters
}
