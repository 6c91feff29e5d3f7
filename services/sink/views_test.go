package sink

import (
	"fmt"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// views are what each view's table must say, as questions that answer 1. Those of "once" count, and are exact because a
// batch is only ever sent again as it was cut; the others say the same however often rows come.
var views = map[string]map[string]string{
	"always": {
		"sessions": `SELECT count() > 0 AND countIf(n = 1) = 0 FROM (SELECT x, count() AS n FROM (
			SELECT (tenant, session_id, user_id, min(ts), max(ts), max(decided_at)) AS x FROM events GROUP BY tenant, session_id, user_id
			UNION ALL SELECT (tenant, session_id, user_id, min(first), max(last), max(decided_at)) FROM sessions GROUP BY tenant, session_id, user_id) GROUP BY x)`,
		"sessions, what they lack": `SELECT count() > 0 AND countIf(lacks != 7 - has) = 0 FROM (
			SELECT tenant, session_id, groupBitAnd(lacks) AS lacks, max(1 * has((SELECT groupUniqArray(session_id) FROM events WHERE status = 'late'), session_id)
				+ 2 * has((SELECT groupUniqArray(session_id) FROM enforcement), session_id) + 4 * has((SELECT groupUniqArray(session_id) FROM signals), session_id)) AS has
			FROM sessions GROUP BY tenant, session_id)`,
		"new_places": `SELECT count() > 0 AND countIf(n = 1) = 0 FROM (SELECT x, count() AS n FROM (
			SELECT (user_id, session_id, 'country', ip, argMin(event_id, ts), min(ts), max(risk)) AS x FROM features
			WHERE event_type = 'dev.riskd.activity.v1' AND has(parts.code, 'new_network') GROUP BY user_id, session_id, ip
			UNION ALL SELECT (user_id, session_id, any(new), ip, argMinMerge(event), min(first), max(risk_max)) FROM new_places GROUP BY user_id, session_id, ip) GROUP BY x)`,
		"blocked":     "SELECT count() > 0 AND count() = (SELECT countIf(action != 'allow') FROM features FINAL) FROM blocked FINAL",
		"event_hours": "SELECT count() = 0 FROM (SELECT DISTINCT tenant, toUInt32(cityHash64(event_id)), toStartOfHour(ts) FROM features EXCEPT SELECT tenant, h, hour FROM event_hours)",
		"user_hours": `SELECT count() > 0 AND countIf(n = 1) = 0 FROM (SELECT x, count() AS n FROM (
			SELECT DISTINCT (tenant, user_id, toStartOfHour(ts)) AS x FROM features UNION ALL SELECT DISTINCT (tenant, user_id, hour) FROM user_hours) GROUP BY x)`,
		"feedback":   "SELECT count() > 0 AND count() = (SELECT countIf(type = 'dev.riskd.feedback.v1') FROM events FINAL) FROM feedback FINAL",
		"active_day": "SELECT uniqCombined64Merge(14)(users) = (SELECT uniqExact(tenant, user_id) FROM features) FROM active_day",
	},
	"once": {
		"event_hours": "SELECT count() = (SELECT count() FROM features) FROM event_hours",
		"blocked":     "SELECT count() = (SELECT countIf(action != 'allow') FROM features) FROM blocked",
		"rule_hour":   "SELECT sum(n) = 3 * (SELECT count() FROM features) AND sumIf(n, tried) = (SELECT count() FROM features) FROM rule_hour", // r1, r2, and r3 tried
		"decided_day": `SELECT countIf(n = 1) = 0 FROM (SELECT x, count() AS n FROM (
			SELECT (tenant, toDate(decided_at), count(), countIf(action = 'step_up'), countIf(action = 'deny'), countIf(level = 'medium'), countIf(level = 'high'),
				uniqCombined64(13)(cityHash64(tenant, user_id)), uniqCombined64(13)(cityHash64(tenant, session_id)), max(decided_at)) AS x FROM features GROUP BY tenant, toDate(decided_at)
			UNION ALL SELECT (tenant, day, sum(n), sum(step_ups), sum(denies), sum(medium), sum(high), uniqCombined64Merge(13)(users), uniqCombined64Merge(13)(sessions), max(last))
			FROM decided_day GROUP BY tenant, day) GROUP BY x)`,
		"asn_day": `SELECT count() > 0 AND countIf(n = 1) = 0 FROM (SELECT x, count() AS n FROM (
			SELECT (tenant, asn, toDate(ts), user_id, count(), countIf(action = 'step_up'), countIf(action = 'deny'), countIf(outcome = 'failure'), max(risk), min(ts), max(ts),
				argMax(session_id, ts), uniqExact(session_id), uniqExactIf(device_id, device_id != ''), uniqExactIf(ip, ip != toIPv6('::'))) AS x
			FROM features WHERE asn != 0 GROUP BY tenant, asn, toDate(ts), user_id
			UNION ALL SELECT (tenant, asn, seen, user_id, sum(n), sum(step_ups), sum(denies), sum(failures), max(worst), min(first), max(last),
				argMaxMerge(session), toUInt64(length(groupUniqArrayArray(sessions))), toUInt64(length(groupUniqArrayArray(devices))), toUInt64(length(groupUniqArrayArray(ips))))
			FROM asn_day GROUP BY tenant, asn, seen, user_id) GROUP BY x)`,
	},
}

// checkViews compares what views made with what they are made from.
func checkViews(t testing.TB, conn driver.Conn, kinds ...string) {
	t.Helper()
	if len(kinds) == 0 {
		kinds = []string{"always", "once"}
	}
	for _, kind := range kinds {
		for view, query := range views[kind] {
			var ok uint8
			if err := conn.QueryRow(t.Context(), query).Scan(&ok); err != nil || ok != 1 {
				t.Errorf("%s does not say what it is made from (%s): %v", view, kind, err)
			}
		}
	}
}

// A batch that is sent again as it was cut changes nothing, whichever way it is sent; rows that come again in other batches
// change no answer of the views that keep only least and greatest values, or replace.
func TestRowsThatComeAgainChangeNoAnswer(t *testing.T) {
	opt, conn := database(t)
	blocks, err := native.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer blocks.Close()
	l := &ledger{t: t}
	make := func(cut ...uint64) (out []*batch) {
		seq := uint64(0)
		for _, to := range cut {
			b := newBatch(nil)
			for ; seq < to; seq++ { // records of ten
				rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, WrittenMs: base.UnixMilli()}
				for k := range uint64(10) {
					rec.Entries = append(rec.Entries, l.entry(1, seq*10+k))
				}
				b.add(stored(1, seq+1, rec))
			}
			out = append(out, b)
		}
		return out
	}
	send := func(s *Service, token string, batches []*batch) {
		t.Helper()
		for i, b := range batches {
			for _, f := range b.frames() {
				if f.rows() == 0 {
					continue
				}
				if err := s.insert(t.Context(), f.table(Config{}.table), fmt.Sprintf("%s/%d/%s", token, i, f.name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	driver, native := &Service{books: books{conn: conn}}, &Service{books: books{conn: conn}, native: blocks}
	send(native, "a", make(10, 20))
	send(native, "a", make(10, 20))
	send(driver, "a", make(10, 20)) // the same tokens, the other way
	checkViews(t, conn)
	var kinds uint64 // else the check of what they lack could not fail
	if err := conn.QueryRow(t.Context(), "SELECT uniqExact(lacks) FROM (SELECT groupBitAnd(lacks) AS lacks FROM sessions GROUP BY tenant, session_id)").Scan(&kinds); err != nil || kinds < 2 {
		t.Errorf("%d kinds of sessions, %v", kinds, err)
	}
	send(native, "b", make(6, 13, 20))
	checkViews(t, conn, "always")
}
