-- Decisions in buckets of five minutes of event time: timelines and rates without reading features.
-- Counts are exact under redelivery: the view's table drops a repeated batch by its token, as features does.
--
-- Example: a day's timeline
--   SELECT t, sum(n) AS decisions, sumIf(n, action = 'step_up') AS step_ups, round(sum(risk_sum) / sum(n), 2) AS mean_risk
--   FROM activity_5m WHERE tenant = 'acme' AND t >= now() - INTERVAL 1 DAY
--   GROUP BY t ORDER BY t
CREATE TABLE IF NOT EXISTS activity_5m{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String)               COMMENT 'Tenant',
    t        DateTime('UTC')                      COMMENT 'Start of the five minutes, event time' CODEC(Delta(4), ZSTD(1)),
    action   LowCardinality(String)               COMMENT 'allow, step_up or deny',
    level    LowCardinality(String)               COMMENT 'low, medium or high',
    n        SimpleAggregateFunction(sum, UInt64) COMMENT 'Decisions' CODEC(T64, ZSTD(1)),
    risk_sum SimpleAggregateFunction(sum, Float64) COMMENT 'Sum of their risks; divide by n for the mean' CODEC(ZSTD(1)),
    risk_max SimpleAggregateFunction(max, Float64) COMMENT 'Highest risk' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(t)
ORDER BY (tenant, t, action, level)
{{.TTL "activity_5m" "t"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Decisions per five minutes, by action and level; filled by activity_5m_mv';

{{.Distributed "activity_5m" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS activity_5m_mv{{.OnCluster}} TO activity_5m{{.Local}} AS
SELECT tenant, toStartOfFiveMinutes(ts) AS t, action, level,
       count() AS n, sum(risk) AS risk_sum, max(risk) AS risk_max
FROM features{{.Local}}
GROUP BY tenant, t, action, level
COMMENT 'Fills activity_5m from features';
