-- Evidence per hour of event time: how often each kind of evidence spoke against a session, and how
-- loudly. Evidence that speaks for the owner, and the prior, are left out.
--
-- Example: what raised risk in the last week, and how often did it lead to a step-up?
--   SELECT code, sum(n) AS hits, sumIf(n, action = 'step_up') AS with_step_up, round(sum(nats_sum) / sum(n), 2) AS mean_nats
--   FROM part_hour WHERE tenant = 'acme' AND t >= now() - INTERVAL 7 DAY
--   GROUP BY code ORDER BY hits DESC
CREATE TABLE IF NOT EXISTS part_hour{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String)                COMMENT 'Tenant',
    t        DateTime('UTC')                       COMMENT 'Start of the hour, event time' CODEC(Delta(4), ZSTD(1)),
    code     LowCardinality(String)                COMMENT 'Code of the evidence',
    action   LowCardinality(String)                COMMENT 'What was decided: allow, step_up or deny',
    n        SimpleAggregateFunction(sum, UInt64)  COMMENT 'Decisions with this evidence against the session' CODEC(T64, ZSTD(1)),
    nats_sum SimpleAggregateFunction(sum, Float64) COMMENT 'Sum of its nats; divide by n for the mean' CODEC(ZSTD(1)),
    nats_max SimpleAggregateFunction(max, Float64) COMMENT 'Strongest' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(t)
ORDER BY (tenant, t, code, action)
{{.TTL "part_hour" "t"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Evidence against sessions per hour, by kind and decision; filled by part_hour_mv';

{{.Distributed "part_hour" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS part_hour_mv{{.OnCluster}} TO part_hour{{.Local}} AS
SELECT tenant, toStartOfHour(ts) AS t, code, action,
       count() AS n, sum(nats) AS nats_sum, max(nats) AS nats_max
FROM features{{.Local}}
ARRAY JOIN parts.code AS code, parts.nats AS nats
WHERE nats > 0 AND code != 'prior'
GROUP BY tenant, t, code, action
COMMENT 'Fills part_hour from features';
