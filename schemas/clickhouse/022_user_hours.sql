-- When a user was there: the hours with any decision of theirs. Features are in the order of hours, so these are where a
-- user's decisions are found without an index over all. The same row once more changes nothing.
--
-- Example: on how many hours of the last 30 days were users there, and who on most?
--   SELECT user_id, uniqExact(hour) AS hours, min(hour) AS first, max(hour) AS last FROM user_hours
--   WHERE tenant = 'acme' AND hour > now() - INTERVAL 30 DAY GROUP BY user_id ORDER BY hours DESC LIMIT 20
CREATE TABLE IF NOT EXISTS user_hours{{.Local}}{{.OnCluster}}
(
    tenant  LowCardinality(String) COMMENT 'Tenant',
    user_id String                 COMMENT 'User' CODEC(ZSTD(1)),
    hour    DateTime('UTC')        COMMENT 'toStartOfHour(ts) of rows of theirs in features' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, user_id, hour)
{{.TTL "user_hours" "hour"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'The hours in which each user had decisions; filled by user_hours_mv';

{{.Distributed "user_hours" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS user_hours_mv{{.OnCluster}} TO user_hours{{.Local}} AS
SELECT tenant, user_id, toStartOfHour(ts) AS hour
FROM features{{.Local}}
GROUP BY tenant, user_id, hour
COMMENT 'Fills user_hours from features';

INSERT INTO user_hours SELECT tenant, user_id, toStartOfHour(ts) AS hour FROM features GROUP BY tenant, user_id, hour;
