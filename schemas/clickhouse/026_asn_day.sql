-- Who was seen with a provider's network, by day: a provider's users are everywhere, so that looking for them among all
-- decisions takes seconds. Counts are exact under redelivery: the table drops a repeated batch by its token, as features does.
-- What was decided before the view was made is not in it: the named question reads features up to the end of its first day.
-- Sessions, devices and addresses are kept as four bytes of a hash each.
--
-- Example: the users of one provider in the last week, the riskiest first
--   SELECT user_id, sum(n) AS decisions, max(worst) AS risk, length(groupUniqArrayArray(ips)) AS addresses, max(last) AS seen_last
--   FROM asn_day WHERE tenant = 'acme' AND asn = 64500 AND seen > today() - 7 GROUP BY user_id ORDER BY risk DESC LIMIT 20
CREATE TABLE IF NOT EXISTS asn_day{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String) COMMENT 'Tenant',
    asn      UInt32                 COMMENT 'Autonomous system number' CODEC(T64, ZSTD(1)),
    seen     Date                   COMMENT 'Day of event time, UTC',
    user_id  String                 COMMENT 'User' CODEC(ZSTD(1)),
    day      Date                   COMMENT 'Day of riskd''s clock, UTC',
    n        SimpleAggregateFunction(sum, UInt64)  COMMENT 'Decisions' CODEC(T64, ZSTD(1)),
    step_ups SimpleAggregateFunction(sum, UInt64)  COMMENT 'Of those: step_up' CODEC(T64, ZSTD(1)),
    denies   SimpleAggregateFunction(sum, UInt64)  COMMENT 'Of those: deny' CODEC(T64, ZSTD(1)),
    failures SimpleAggregateFunction(sum, UInt64)  COMMENT 'Decisions about something that had failed' CODEC(T64, ZSTD(1)),
    worst    SimpleAggregateFunction(max, Float64) COMMENT 'Highest risk' CODEC(ZSTD(1)),
    first    SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'First event time' CODEC(Delta(8), ZSTD(1)),
    last     SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last event time' CODEC(Delta(8), ZSTD(1)),
    session  AggregateFunction(argMax, String, DateTime64(3, 'UTC')) COMMENT 'The session of the last' CODEC(ZSTD(1)),
    sessions SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) COMMENT 'Different sessions, as toUInt32(cityHash64(session_id))' CODEC(ZSTD(1)),
    devices  SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) COMMENT 'Different device tokens, as toUInt32(cityHash64(device_id))' CODEC(ZSTD(1)),
    ips      SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) COMMENT 'Different addresses, as toUInt32(cityHash64(ip))' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(day)
PRIMARY KEY (tenant, asn, seen)
ORDER BY (tenant, asn, seen, user_id, day)
{{.TTL "asn_day" "day"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Users of each provider''s network per day; filled by asn_day_mv';

{{.Distributed "asn_day" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS asn_day_mv{{.OnCluster}} TO asn_day{{.Local}} AS
SELECT tenant, asn, toDate(ts) AS seen, user_id, toDate(decided_at) AS day, count() AS n, countIf(action = 'step_up') AS step_ups,
       countIf(action = 'deny') AS denies, countIf(outcome = 'failure') AS failures, max(risk) AS worst, min(ts) AS first, max(ts) AS last,
       argMaxState(session_id, ts) AS session, groupUniqArray(toUInt32(cityHash64(session_id))) AS sessions,
       groupUniqArrayIf(toUInt32(cityHash64(device_id)), device_id != '') AS devices, groupUniqArrayIf(toUInt32(cityHash64(ip)), ip != toIPv6('::')) AS ips
FROM features{{.Local}}
WHERE asn != 0
GROUP BY tenant, asn, seen, user_id, day
COMMENT 'Fills asn_day from features';
