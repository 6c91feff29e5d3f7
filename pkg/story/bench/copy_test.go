//go:build unix

package bench

import (
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// Copies are decisions like those they are copied from: as many in each tenth, under ids of their own, moved in time and in the
// journal without a gap, and counted by every view.
func TestCopiesAreDecisionsOfTheirOwn(t *testing.T) {
	opt := storytest.Options(t)
	conn := enginetest.Open(t, opt)
	cfg := DefaultConfig()
	cfg.Rows, cfg.Days, cfg.Chunk, cfg.Phase, cfg.Copied = 160_000, 20, 8_000, "load", true // tenths of two days, so that copies have slices
	var out strings.Builder
	res, err := Run(t.Context(), cfg, opt, &out)
	if err != nil || res.Rows != cfg.Rows {
		t.Fatalf("%d rows, %v\n%s", res.Rows, err, out.String())
	}
	const tenths = "(SELECT toUInt64(floor(dateDiff('millisecond', decided_at, (SELECT max(decided_at) FROM features)) / 172800000)) AS tenth, * FROM features)"
	for name, query := range map[string]string{
		"all are there, under ids of their own":   "SELECT toFloat64(count() = 160000 AND uniqExact(event_id) = 160000 AND uniqExact(partition, seq, idx) = 160000) FROM features",
		"each has its event":                      "SELECT toFloat64(count() = 160000) FROM events AS e INNER JOIN features AS f ON f.tenant = e.tenant AND f.event_id = e.event_id AND f.session_id = e.session_id AND f.ts = e.ts AND f.seq = e.seq",
		"ids are of the time of their event":      "SELECT toFloat64(countIf(reinterpretAsUInt64(reverse(unhex(concat(substring(event_id, 1, 8), substring(event_id, 10, 4))))) != toUnixTimestamp64Milli(received_at)) = 0) FROM events",
		"each tenth has what the newest has":      "SELECT toFloat64(count() >= 10 AND sum(n) = 160000 AND countIf(n = 16000) >= 8) FROM (SELECT tenth, count() AS n FROM " + tenths + " GROUP BY tenth)",
		"no session is in two tenths":             "SELECT toFloat64(countIf(days > 3) = 0) FROM (SELECT dateDiff('day', min(ts), max(ts)) AS days FROM features GROUP BY session_id)",
		"the same people come back":               "SELECT toFloat64(uniqExact(user_id) < 0.2 * count()) FROM features",
		"a challenge is raised and ended":         "SELECT toFloat64(count() > 0 AND min(n) = 2 AND max(n) = 2) FROM (SELECT count() AS n FROM signals GROUP BY challenge_id)",
		"challenges are of decisions":             "SELECT toFloat64(count() = 0) FROM signals WHERE revision = 1 AND event_id NOT IN (SELECT event_id FROM features)",
		"journal records follow each other":       "SELECT toFloat64(count() > 0 AND countIf(n != span) = 0) FROM (SELECT partition, count() AS n, max(seq) - min(seq) + 1 AS span FROM ledger GROUP BY partition)",
		"each record names the one before":        "SELECT toFloat64(countIf(before != prev_hash AND before != '') = 0) FROM (SELECT prev_hash, lagInFrame(hash) OVER (PARTITION BY partition ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before FROM (SELECT partition, seq, toString(hash) AS hash, toString(prev_hash) AS prev_hash FROM ledger))",
		"totals only grow":                        "SELECT toFloat64(countIf(before > total_scored) = 0) FROM (SELECT total_scored, lagInFrame(total_scored) OVER (PARTITION BY partition ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before FROM ledger)",
		"nothing is of before 1971 or of later":   "SELECT toFloat64(countIf(ts < now() - INTERVAL 25 DAY OR ts > now() + INTERVAL 1 DAY) = 0) FROM events",
		"made parts of a slice are noted as such": "SELECT toFloat64(count() = 9 * 2 * 5) FROM bench_copies",
	} {
		if ok, err := scalar(t.Context(), conn, query); err != nil || ok != 1 {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	enginetest.CheckViews(t, conn)
	again, err := Run(t.Context(), cfg, opt, &out)
	if n, _ := scalar(t.Context(), conn, "SELECT toFloat64(count()) FROM features"); err != nil || again.Rows != cfg.Rows || n != 160_000 {
		t.Errorf("a second run: %d rows said, %v there, %v; want that it makes nothing again", again.Rows, n, err)
	}
}
