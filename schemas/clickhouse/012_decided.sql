-- What was decided, by riskd's own clock: the console's overview over days without reading features. By the hour with
-- states (users, sessions, latency), by five minutes with counts only, because states are large.
-- Counts are exact under redelivery: the tables drop a repeated batch by its token, as features does. What was decided
-- before the views were made is not in them: the named questions read features up to the end of their first hour.
--
-- Example: decisions and users of the last seven days, whole hours, over all tenants
--   SELECT sum(n) AS decisions, sum(step_ups) AS step_ups, uniqCombined64Merge(13)(users) AS users,
--          quantilesTDigestMerge(0.5, 0.95, 0.99)(latency) AS latency_ms
--   FROM decided_hour WHERE t >= toStartOfHour(now() - INTERVAL 7 DAY)
CREATE TABLE IF NOT EXISTS decided_hour{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String)               COMMENT 'Tenant',
    t        DateTime('UTC')                      COMMENT 'Start of the hour, riskd''s clock' CODEC(Delta(4), ZSTD(1)),
    n        SimpleAggregateFunction(sum, UInt64) COMMENT 'Decisions' CODEC(T64, ZSTD(1)),
    step_ups SimpleAggregateFunction(sum, UInt64) COMMENT 'Of those: step_up' CODEC(T64, ZSTD(1)),
    denies   SimpleAggregateFunction(sum, UInt64) COMMENT 'Of those: deny' CODEC(T64, ZSTD(1)),
    medium   SimpleAggregateFunction(sum, UInt64) COMMENT 'Of those: medium risk' CODEC(T64, ZSTD(1)),
    high     SimpleAggregateFunction(sum, UInt64) COMMENT 'Of those: high risk' CODEC(T64, ZSTD(1)),
    users    AggregateFunction(uniqCombined64(13), UInt64) COMMENT 'Different users, as cityHash64(tenant, user_id)' CODEC(ZSTD(1)),
    sessions AggregateFunction(uniqCombined64(13), UInt64) COMMENT 'Different sessions, as cityHash64(tenant, session_id)' CODEC(ZSTD(1)),
    latency  AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt32) COMMENT 'From the broker to the commit, milliseconds' CODEC(ZSTD(1)),
    last     SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last decision' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(t)
ORDER BY (tenant, t)
{{.TTL "decided_hour" "t"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Decisions per hour of riskd''s clock, with users, sessions and latency; filled by decided_hour_mv';

{{.Distributed "decided_hour" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS decided_hour_mv{{.OnCluster}} TO decided_hour{{.Local}} AS
SELECT tenant, toStartOfHour(decided_at) AS t, count() AS n, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies,
       countIf(level = 'medium') AS medium, countIf(level = 'high') AS high,
       uniqCombined64State(13)(cityHash64(tenant, user_id)) AS users, uniqCombined64State(13)(cityHash64(tenant, session_id)) AS sessions,
       quantilesTDigestState(0.5, 0.95, 0.99)(latency_ms) AS latency, max(decided_at) AS last
FROM features{{.Local}}
GROUP BY tenant, t
COMMENT 'Fills decided_hour from features';

CREATE TABLE IF NOT EXISTS decided_5m{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String)               COMMENT 'Tenant',
    t        DateTime('UTC')                      COMMENT 'Start of the five minutes, riskd''s clock' CODEC(Delta(4), ZSTD(1)),
    n        SimpleAggregateFunction(sum, UInt64) COMMENT 'Decisions' CODEC(T64, ZSTD(1)),
    step_ups SimpleAggregateFunction(sum, UInt64) COMMENT 'Of those: step_up' CODEC(T64, ZSTD(1)),
    denies   SimpleAggregateFunction(sum, UInt64) COMMENT 'Of those: deny' CODEC(T64, ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(t)
ORDER BY (tenant, t)
{{.TTL "decided_5m" "t"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Decisions per five minutes of riskd''s clock; filled by decided_5m_mv';

{{.Distributed "decided_5m" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS decided_5m_mv{{.OnCluster}} TO decided_5m{{.Local}} AS
SELECT tenant, toStartOfFiveMinutes(decided_at) AS t, count() AS n, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies
FROM features{{.Local}}
GROUP BY tenant, t
COMMENT 'Fills decided_5m from features';
