-- What was decided per day of riskd's own clock: an overview over weeks merges a state a day instead of 24. It is made of
-- what goes into decided_hour, so that it costs an insert next to nothing, and its counts are exact under redelivery as those
-- are. Days from before it was made are not in it: the named questions take their hours.
--
-- Example: decisions and users by day
--   SELECT day, sum(n) AS decisions, sum(step_ups) AS step_ups, uniqCombined64Merge(13)(users) AS users
--   FROM decided_day WHERE day > today() - 30 GROUP BY day ORDER BY day
CREATE TABLE IF NOT EXISTS decided_day{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String)               COMMENT 'Tenant',
    day      Date                                 COMMENT 'Day of riskd''s clock, UTC',
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
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day)
{{.TTL "decided_day" "day"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Decisions per day of riskd''s clock, with users, sessions and latency; filled by decided_day_mv';

{{.Distributed "decided_day" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS decided_day_mv{{.OnCluster}} TO decided_day{{.Local}} AS
SELECT tenant, toDate(t) AS day, sum(n) AS n, sum(step_ups) AS step_ups, sum(denies) AS denies, sum(medium) AS medium, sum(high) AS high,
       uniqCombined64MergeState(13)(users) AS users, uniqCombined64MergeState(13)(sessions) AS sessions,
       quantilesTDigestMergeState(0.5, 0.95, 0.99)(latency) AS latency, max(last) AS last
FROM decided_hour{{.Local}}
GROUP BY tenant, day
COMMENT 'Fills decided_day from what goes into decided_hour';
