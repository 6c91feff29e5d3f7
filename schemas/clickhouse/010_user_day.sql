-- Users who were anything but quiet, by day of event time. Decisions with low risk and no step-up are
-- left out, so the table stays small and "who needs a look?" stays quick.
--
-- Example: the users to look at first, last seven days
--   SELECT user_id, sum(n) AS decisions, sum(step_ups) AS step_ups, sum(denies) AS denies,
--          round(max(risk_max), 1) AS worst, max(last_ts) AS last, groupUniqArrayArray(countries) AS places
--   FROM user_day WHERE tenant = 'acme' AND day >= today() - 7
--   GROUP BY user_id ORDER BY worst DESC LIMIT 20
CREATE TABLE IF NOT EXISTS user_day{{.Local}}{{.OnCluster}}
(
    tenant    LowCardinality(String)                COMMENT 'Tenant',
    day       Date                                  COMMENT 'Day, event time, UTC',
    user_id   String                                COMMENT 'User' CODEC(ZSTD(1)),
    n         SimpleAggregateFunction(sum, UInt64)  COMMENT 'Decisions of medium or high risk, or with a step-up or denial' CODEC(T64, ZSTD(1)),
    step_ups  SimpleAggregateFunction(sum, UInt64)  COMMENT 'Of those: step_up' CODEC(T64, ZSTD(1)),
    denies    SimpleAggregateFunction(sum, UInt64)  COMMENT 'Of those: deny' CODEC(T64, ZSTD(1)),
    risk_sum  SimpleAggregateFunction(sum, Float64) COMMENT 'Sum of their risks' CODEC(ZSTD(1)),
    risk_max  SimpleAggregateFunction(max, Float64) COMMENT 'Highest risk' CODEC(ZSTD(1)),
    last_ts   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last of them, event time' CODEC(ZSTD(1)),
    countries SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Countries of them' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, user_id)
{{.TTL "user_day" "day"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Users who were not quiet, per day; filled by user_day_mv';

{{.Distributed "user_day" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS user_day_mv{{.OnCluster}} TO user_day{{.Local}} AS
SELECT tenant, toDate(ts) AS day, user_id, count() AS n, countIf(action = 'step_up') AS step_ups,
       countIf(action = 'deny') AS denies, sum(risk) AS risk_sum, max(risk) AS risk_max, max(ts) AS last_ts,
       groupUniqArray(toString(country)) AS countries
FROM features{{.Local}}
WHERE level != 'low' OR action != 'allow'
GROUP BY tenant, day, user_id
COMMENT 'Fills user_day from features';
