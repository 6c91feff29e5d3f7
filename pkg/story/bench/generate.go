package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// base is what both tables make of one number: who, when, from where, and how suspicious. Equal numbers give
// equal rows, so events and features agree. Users are skewed (the busiest of 100,000 does 0.3 % of everything),
// days have a night, one event in a thousand comes hours late, one in 125 asks for a step-up.
const base = `
WITH
  toUInt64(number) AS n, 18446744073709551616. AS top,
  intHash64(n * 8 + 1) / top AS r1, intHash64(n * 8 + 2) / top AS r2, intHash64(n * 8 + 3) / top AS r3,
  intHash64(n * 8 + 4) / top AS r4, intHash64(n * 8 + 5) / top AS r5,
  toUInt64(floor(r1 * r1 * $users)) AS u,
  n * ($span / $rows) AS flat, flat - 9600 * sin(2 * pi() * flat / 86400) AS second,
  toInt64(($end - $span + second) * 1000) AS wall_ms,
  if(r5 < 0.001, wall_ms - toInt64(r2 * 20000000), wall_ms) AS ts_ms,
  toUInt32(15 - 22 * log(1 - r2 * 0.99999)) AS latency,
  intDiv(intDiv(wall_ms, 1000) + u * 7919, 14400) AS win,
  sipHash64(u, win) AS s, intHash64(u + 77) AS home, s % 20 < 14 AS at_home,
  ['DE','DE','DE','GB','FR','US','US','NL','JP','BR','IN','PL'] AS countries,
  ['Berlin','Munich','Hamburg','London','Paris','New York','Chicago','Amsterdam','Tokyo','São Paulo','Mumbai','Warsaw'] AS cities,
  ['Deutsche Telekom','Vodafone Kabel','Telefonica','BT','Orange','Comcast','AT&T','KPN','NTT Communications','Claro','Reliance Jio','Orange Polska'] AS orgs,
  [3320,31334,6805,2856,3215,7922,7018,1136,4713,28573,55836,5617] AS asns,
  toUInt8(1 + if(s % 20 < 19, home % 12, s % 12)) AS place,
  toUInt8(1 + (home + (s % 5 = 0)) % 5) AS agent,
  ['Chrome','Firefox','Safari','Edge','Chrome'] AS browsers, ['Windows','Linux','iOS','Windows','Android'] AS systems,
  ['desktop','desktop','phone','desktop','phone'] AS classes,
  multiIf(r4 < 0.96, 0, r4 < 0.992, 1, r4 < 0.998, 2, r4 < 0.9995, 3, 4) AS kind,
  ['auth.login','resource.read','resource.read','resource.read','resource.list','resource.export','auth.logout','apikey.create'] AS actions,
  multiIf(r3 < 0.1, 1, r3 < 0.6, 2, r3 < 0.8, 3, r3 < 0.9, 5, r3 < 0.95, 6, r3 < 0.999, 7, 8) AS act
SELECT
  multiIf(u % 10 < 7, 'acme', u % 10 < 9, 'globex', 'initech') AS tenant,
  concat(lower(hex(wall_ms)), '-', lower(hex(intHash64(n))), '-', lower(hex(toUInt32(n)))) AS event_id,
  concat('//', tenant, '/apps/', ['web','mobile','admin'][1 + u % 3]) AS source,
  fromUnixTimestamp64Milli(ts_ms, 'UTC') AS ts,
  fromUnixTimestamp64Milli(wall_ms + latency, 'UTC') AS decided_at,
  concat('u', leftPad(toString(u), 7, '0')) AS user_id,
  concat('s_', lower(hex(s))) AS session_id,
  if(kind >= 2, '', concat('d_', lower(hex(sipHash64(u, agent))))) AS device_id,
  toIPv6(CAST(toUInt32(if(at_home, home % 1073741824 + 1073741824, if(s % 20 < 18, 2147483648 + home % 5000, 2952790016 + s % 16777216))), 'IPv4')) AS ip,
  if(kind = 3, 'JP', countries[place]) AS country, if(kind = 3, 'Tokyo', cities[place]) AS city,
  toUInt32(asns[place]) AS asn, orgs[place] AS as_org,
  multiIf(kind >= 3, 'hosting', at_home, 'residential', 'mobile') AS network_kind,
  browsers[agent] AS browser, systems[agent] AS os, classes[agent] AS device_class,
  actions[act] AS did, if(act = 1 AND r5 > 0.96, 'failure', if(kind >= 2, 'challenged', 'success')) AS outcome,
  multiIf(act IN (2, 3, 5), 'page', act = 6, 'report', act = 8, 'key', 'app') AS resource_type,
  concat(resource_type, '-', toString(intHash64(n + 5) % 400)) AS resource_id,
  multiIf(act = 6, 'restricted', act = 8, 'critical', act = 5, 'internal', '') AS sensitivity,
  if(kind >= 2, concat('ch_', lower(hex(sipHash64(n)))), '') AS challenge_id,
  toUInt16(home % 32) AS partition, intDiv(n, 16000) AS seq, toUInt32(n % 500) AS idx,
  kind, r2, r3, r5, n, latency, home, place, s
FROM numbers($from, $count)`

const intoFeatures = `INSERT INTO $features
(tenant, event_id, source, event_type, event_action, outcome, ts, decided_at, latency_ms, user_id, session_id, risk, level, action,
 impossible_travel, new_device, deviation, parts.code, parts.nats, parts.detail, unknown, challenge_id, session_state, rule, policy, baseline,
 geo, engine, ip, country, city, asn, as_org, network_kind, device_id, browser, os, device_class, resource_type, resource_id, sensitivity, partition, seq, idx)
WITH arrayMap(x -> round(x + (r2 - 0.5) * 0.3, 3), [[-5.293, -1.2, -0.4, -0.48, -0.18], [-5.293, 2.4, -0.4, 1.9, 0.61],
   [-5.293, 2.9, 1.1, 2.3, 0.61], [-5.293, 3.4, 5.112, 2.3, 0.75, 2.0], [-5.293, 3.4, 1.1, 2.3, 0.75, 4.1]][kind + 1]) AS nats,
  round(100 / (1 + exp(-arraySum(nats))), 2) AS risk
SELECT tenant, event_id, source, 'dev.riskd.activity.v1', did, outcome, ts, decided_at, latency, user_id, session_id,
  risk, multiIf(risk < 20, 'low', risk < 60, 'medium', 'high'), multiIf(kind < 2, 'allow', kind < 4, 'step_up', 'deny'),
  if(kind = 3, round(80 + 20 * r3, 2), 0), if(kind >= 2, round(60 + 40 * r3, 2), round(4 * r3, 2)), round(if(kind = 0, 10, 70) * r5, 2),
  [['prior','known_network','known_agent','known_device','usual_hour'], ['prior','new_network','known_agent','unknown_device','unusual_hour'],
   ['prior','new_network','new_agent','unknown_device','unusual_hour'], ['prior','new_network','impossible_travel','unknown_device','hosting_network','session_switch'],
   ['prior','new_network','new_agent','unknown_device','hosting_network','failed_challenge']][kind + 1],
  nats,
  arrayMap((x, i) -> multiIf(i = 1, '{}', kind = 3 AND i = 3, concat('{"verdict":"impossible","km":', toString(round(9000 + 900 * r3, 1)), ',"km_lower":', toString(round(8900 + 900 * r3, 1)),
     ',"hours":', toString(round(r5, 3)), ',"from":"', city, '","to":"Tokyo, JP","places_compared":3}'),
   i = 2, if(kind = 0, concat('{"address_logins":', toString(home % 400 / 10), ',"asn_logins":', toString(home % 700 / 10), '}'),
     concat('{"new":"country","history_logins":', toString(home % 400 / 10), ',"country":"', country, '","asn":', toString(asn), ',"as_org":"', as_org, '"}')),
   i = 4, concat('{"token_logins":', toString(home % 310 / 10), '}'),
   i = 5, concat('{"hour_utc":', toString(toHour(ts)), ',"history_logins":', toString(home % 400 / 10), '}'), '{}'), nats, arrayEnumerate(nats)),
  if(kind >= 2, ['device'], []), challenge_id, multiIf(kind < 2, 'clear', kind < 4, 'required', 'denied'),
  if(sensitivity = 'restricted' AND kind >= 2, 'restricted_resource', ''), 'default@3f2a91c0', '2026-11-20', 'GeoLite2-City@2026-09-18', '1',
  ip, country, city, asn, as_org, network_kind, device_id, browser, os, device_class, resource_type, resource_id, sensitivity, partition, seq, idx
FROM (` + base + `)`

const intoEvents = `INSERT INTO $events
(tenant, event_id, source, type, status, ts, received_at, decided_at, user_id, user_kind, session_id, auth_time, acr, amr, device_id, ip, rtt_ms,
 country, city, located, lat, lon, accuracy_km, asn, as_org, network_kind, user_agent, browser, browser_major, os, os_major, device_class, action, outcome,
 resource_type, resource_id, sensitivity, count, bytes, attributes, challenge_id, partition, seq, idx)
SELECT tenant, event_id, source, 'dev.riskd.activity.v1', 'scored', ts, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(decided_at) - latency, 'UTC'), decided_at,
  user_id, 'person', session_id, toStartOfHour(ts), if(home % 5 = 0, 'aal2', 'aal1'), if(home % 5 = 0, ['pwd','otp'], ['pwd']), device_id, ip, toUInt32(10 + r3 * 90),
  country, city, true, toFloat32(place * 4.2 + home % 100 / 100), toFloat32(place * 9.1 + home % 90 / 100), 5 + home % 45, asn, as_org, network_kind,
  concat('Mozilla/5.0 (', os, ') ', browser, '/', toString(100 + home % 40)), browser, toUInt16(100 + home % 40), os, 10, device_class, did, outcome,
  resource_type, resource_id, sensitivity, 1, if(did = 'resource.export', toUInt64(r2 * 1e7), 0), map('plan', ['free','pro','team'][1 + home % 3]), challenge_id, partition, seq, idx
FROM (` + base + `)`

// Each challenge has two revisions: required, and how it ended.
const intoSignals = `INSERT INTO $signals
(tenant, challenge_id, revision, state, ts, decided_at, user_id, session_id, event_id, cause, risk, level, previous_level, reasons, acr_values, issued_at, expires_at,
 on_expiry, policy, policy_version, rule, reason_user, partition, seq, idx, nth)
WITH multiIf(kind = 4, 2, r5 < 0.8, 0, r5 < 0.9, 1, 2) AS end, if(revision = 1, 0, if(end = 1, 600000, toInt64(5000 + r3 * 60000))) AS wait
SELECT tenant, challenge_id, revision, multiIf(revision = 1, 'required', end = 0, 'satisfied', end = 1, 'expired', 'denied'),
  fromUnixTimestamp64Milli(toUnixTimestamp64Milli(ts) + wait, 'UTC'), fromUnixTimestamp64Milli(toUnixTimestamp64Milli(decided_at) + wait, 'UTC'), user_id, session_id, event_id,
  multiIf(revision = 1, 'new_network', end = 0, 'stepup_completed', end = 1, 'stepup_abandoned', 'stepup_failed'), round(60 + 40 * r3, 2), 'high', 'low',
  ['new_network','unknown_device'], ['aal2'], ts, ts + INTERVAL 10 MINUTE, 'deny', 'default', '3f2a91c0', if(sensitivity = 'restricted', 'restricted_resource', ''),
  'We noticed something unusual about this sign-in.', partition, seq, idx, 0
FROM (` + base + `)
ARRAY JOIN [1, 2] AS revision
WHERE kind >= 2`

// One receipt for what was shown, one row for what the user did.
const intoEnforcement = `INSERT INTO $enforcement
(tenant, challenge_id, kind, ts, decided_at, event_id, source, user_id, session_id, action, outcome, route, result, sdk, session_state, ip, partition, seq, idx)
WITH multiIf(kind = 4, 2, r5 < 0.8, 0, r5 < 0.9, 1, 2) AS end,
  if(nth = 1, 300, if(end = 1, 600000, toInt64(5000 + r3 * 60000))) AS wait,
  multiIf(nth = 1, 'receipt', end = 0, 'completed', end = 1, 'abandoned', 'failed') AS what
SELECT tenant, challenge_id, what, fromUnixTimestamp64Milli(toUnixTimestamp64Milli(ts) + wait, 'UTC'), fromUnixTimestamp64Milli(toUnixTimestamp64Milli(decided_at) + wait, 'UTC'),
  concat(event_id, '-', toString(nth)), source, user_id, session_id, if(nth = 1, 'enforcement.shown', concat('stepup.', what)), 'challenged', if(nth = 1, '/app', ''),
  if(nth = 1, 'shown', ''), if(nth = 1, 'riskd-go/0.1.0', ''), 'required', ip, partition, seq, idx
FROM (` + base + `)
ARRAY JOIN [1, 2] AS nth
WHERE kind >= 2`

const intoLedger = `INSERT INTO $ledger
(partition, seq, kind, epoch, hash, prev_hash, owner, decided_at, input_last, scored, duplicate, late, dead, signals, total_accepted, total_scored, total_duplicate, policy, baseline, geo, engine, size)
SELECT number % 32, intDiv(number, 32), 'batch', 1, unhex(hex(SHA256(toString(number)))), unhex(hex(SHA256(toString(number - 32)))), 'bench',
  fromUnixTimestamp64Milli(toInt64(($end - $span + number * 100 * ($span / $rows)) * 1000), 'UTC'), number * 100, 100, 1, 0, 0, 1,
  intDiv(number, 32) * 101, intDiv(number, 32) * 100, intDiv(number, 32), 'default@3f2a91c0', '2026-11-20', 'GeoLite2-City@2026-09-18', '1', 9000
FROM numbers(intDiv($from, 100), intDiv($count, 100))`

// fill runs one of the statements above for count numbers from from on, into tables of the given suffix.
func (b *bench) fill(ctx context.Context, statement string, from, count uint64, suffix string) error {
	pairs := []string{
		"$users", num(max(1000, b.cfg.Rows/200)), "$span", num(uint64(b.cfg.Days) * 86400), "$rows", num(b.cfg.Rows),
		"$end", strconv.FormatInt(b.cfg.End.Unix(), 10), "$from", num(from), "$count", num(count),
	}
	for _, t := range []string{"features", "events", "signals", "enforcement", "ledger"} {
		pairs = append(pairs, "$"+t, t+suffix)
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_partitions_per_insert_block": 0, "max_execution_time": 0, "min_insert_block_size_rows": 500_000,
	}))
	if err := b.conn.Exec(ctx, strings.NewReplacer(pairs...).Replace(statement)); err != nil {
		return fmt.Errorf("%s: %w", strings.SplitN(statement, "\n", 2)[0], err)
	}
	return nil
}

func num(n uint64) string { return strconv.FormatUint(n, 10) }

// scalar reads one number.
func scalar(ctx context.Context, conn driver.Conn, query string) (float64, error) {
	var v float64
	err := conn.QueryRow(ctx, query).Scan(&v)
	return v, err
}
