-- Where a decision is found by its event: features are in the order of hours, so an event's hour is all that is needed to
-- read a few granules instead of an index over all. The id is kept as four bytes of its hash: now and then two share
-- one, and a few granules more are read. The same row once more changes nothing.
--
-- Example: one decision by its event
--   SELECT ts, user_id, risk, action FROM features
--   WHERE tenant = 'acme' AND event_id = 'ev-1' AND toStartOfHour(ts) IN
--         (SELECT hour FROM event_hours WHERE tenant = 'acme' AND h = toUInt32(cityHash64('ev-1')))
CREATE TABLE IF NOT EXISTS event_hours{{.Local}}{{.OnCluster}}
(
    tenant LowCardinality(String) COMMENT 'Tenant',
    h      UInt32                 COMMENT 'toUInt32(cityHash64(event_id))' CODEC(Delta(4), ZSTD(1)),
    hour   DateTime('UTC')        COMMENT 'toStartOfHour(ts) of its row in features' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, h, hour)
{{.TTL "event_hours" "hour"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'The hour of each decision, by a hash of its event id; filled by event_hours_mv';

{{.Distributed "event_hours" "cityHash64(tenant, h)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS event_hours_mv{{.OnCluster}} TO event_hours{{.Local}} AS
SELECT tenant, toUInt32(cityHash64(event_id)) AS h, toStartOfHour(ts) AS hour
FROM features{{.Local}}
COMMENT 'Fills event_hours from features';

INSERT INTO event_hours SELECT tenant, toUInt32(cityHash64(event_id)), toStartOfHour(ts) FROM features;
