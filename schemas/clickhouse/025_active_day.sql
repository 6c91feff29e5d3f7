-- How many users were there, by day of event time: what "prompts per active user" divides by. States of the same users
-- merge to themselves, so the same rows once more, in whatever batches, change nothing. An estimate, about 1 % off.
--
-- Example: users by week
--   SELECT toMonday(day) AS week, uniqCombined64Merge(14)(users) AS active FROM active_day WHERE tenant = 'acme' GROUP BY week ORDER BY week
CREATE TABLE IF NOT EXISTS active_day{{.Local}}{{.OnCluster}}
(
    tenant LowCardinality(String) COMMENT 'Tenant',
    day    Date                   COMMENT 'Day, event time, UTC',
    users  AggregateFunction(uniqCombined64(14), UInt64) COMMENT 'Different users, as cityHash64(tenant, user_id)' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day)
{{.TTL "active_day" "day"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Users who were there, per day; filled by active_day_mv';

{{.Distributed "active_day" "cityHash64(tenant)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS active_day_mv{{.OnCluster}} TO active_day{{.Local}} AS
SELECT tenant, toDate(ts) AS day, uniqCombined64State(14)(cityHash64(tenant, user_id)) AS users
FROM features{{.Local}}
GROUP BY tenant, day
COMMENT 'Fills active_day from features';

INSERT INTO active_day SELECT tenant, toDate(ts) AS day, uniqCombined64State(14)(cityHash64(tenant, user_id)) FROM features GROUP BY tenant, day;
