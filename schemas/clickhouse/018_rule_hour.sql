-- How often each rule of the policy applied, by hour of riskd's clock; what is only tried is apart.
-- Counts are exact under redelivery: the table drops a repeated batch by its token, as features does. What was decided
-- before the view was made is not in it: the named questions read features up to the end of its first hour.
--
-- Example: what each rule does, and what one that is only tried would do
--   SELECT rule, tried, sum(n) AS decisions, uniqCombined64Merge(12)(users) AS users, sumIf(n, action != 'allow') AS blocked
--   FROM rule_hour WHERE tenant = 'acme' AND t > now() - INTERVAL 7 DAY GROUP BY rule, tried ORDER BY decisions DESC
CREATE TABLE IF NOT EXISTS rule_hour{{.Local}}{{.OnCluster}}
(
    tenant   LowCardinality(String)                COMMENT 'Tenant',
    t        DateTime('UTC')                       COMMENT 'Start of the hour, riskd''s clock' CODEC(Delta(4), ZSTD(1)),
    rule     LowCardinality(String)                COMMENT 'Rule of the policy',
    tried    Bool                                  COMMENT 'Only tried (shadow), or not yet rolled out to these users',
    policy   LowCardinality(String)                COMMENT 'Policy, name@version',
    action   LowCardinality(String)                COMMENT 'What was decided: allow, step_up or deny',
    n        SimpleAggregateFunction(sum, UInt64)  COMMENT 'Decisions the rule applied to' CODEC(T64, ZSTD(1)),
    risk_sum SimpleAggregateFunction(sum, Float64) COMMENT 'Sum of their risks; divide by n for the mean' CODEC(ZSTD(1)),
    last     SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last of them, riskd''s clock' CODEC(ZSTD(1)),
    users    AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different users, as cityHash64(tenant, user_id)' CODEC(ZSTD(1)),
    sessions AggregateFunction(uniqCombined64(12), UInt64) COMMENT 'Different sessions, as cityHash64(tenant, session_id)' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(t)
ORDER BY (tenant, t, rule, tried, policy, action)
{{.TTL "rule_hour" "t"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Hits of the policy''s rules per hour; filled by rule_hour_mv';

{{.Distributed "rule_hour" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS rule_hour_mv{{.OnCluster}} TO rule_hour{{.Local}} AS
SELECT tenant, toStartOfHour(decided_at) AS t, hit.1 AS rule, hit.2 AS tried, policy, action, count() AS n, sum(risk) AS risk_sum, max(decided_at) AS last,
       uniqCombined64State(12)(cityHash64(tenant, user_id)) AS users, uniqCombined64State(12)(cityHash64(tenant, session_id)) AS sessions
FROM (SELECT tenant, decided_at, policy, action, risk, user_id, session_id,
             arrayConcat(arrayMap(r -> (r, false), arrayDistinct(arrayFilter(r -> r != '', arrayPushBack(CAST(hits, 'Array(String)'), toString(rule))))),
                         arrayMap(r -> (r, true), CAST(shadow_hits, 'Array(String)'))) AS all_hits
      FROM features{{.Local}}
      WHERE rule != '' OR notEmpty(hits) OR notEmpty(shadow_hits))
ARRAY JOIN all_hits AS hit
GROUP BY tenant, t, rule, tried, policy, action
COMMENT 'Fills rule_hour from features';
