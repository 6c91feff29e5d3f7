-- Sessions that came from where their user was never seen before, as riskd judged it then: one row for each session and
-- place, however many decisions it had. Only least and greatest values are kept: the same rows once more, in whatever
-- batches, change nothing.
--
-- Example: the first sessions from new countries in the last day
--   SELECT min(first) AS at, user_id, session_id, country, city, max(risk_max) AS worst FROM new_places
--   WHERE tenant = 'acme' AND hour > now() - INTERVAL 1 DAY AND new = 'country'
--   GROUP BY user_id, session_id, country, city ORDER BY at DESC LIMIT 20
CREATE TABLE IF NOT EXISTS new_places{{.Local}}{{.OnCluster}}
(
    tenant     LowCardinality(String) COMMENT 'Tenant',
    hour       DateTime('UTC')        COMMENT 'Hour of riskd''s clock in which these decisions were made' CODEC(Delta(4), ZSTD(1)),
    user_id    String                 COMMENT 'User' CODEC(ZSTD(1)),
    session_id String                 COMMENT 'Session' CODEC(ZSTD(1)),
    new        LowCardinality(String) COMMENT 'What was new: country, asn, prefix or address',
    country    LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; empty is unknown',
    city       LowCardinality(String) COMMENT 'City; empty is unknown',
    as_org     LowCardinality(String) COMMENT 'Organisation of the network',
    ip         IPv6                   COMMENT 'Address (IPv4 mapped); :: is unknown' CODEC(ZSTD(1)),
    event      AggregateFunction(argMin, String, DateTime64(3, 'UTC')) COMMENT 'The first event from there' CODEC(ZSTD(1)),
    first      SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'Its event time' CODEC(Delta(8), ZSTD(1)),
    decided_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last decision, riskd''s clock' CODEC(Delta(8), ZSTD(1)),
    risk_max   SimpleAggregateFunction(max, Float64) COMMENT 'Highest risk of these decisions' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toYYYYMM(hour)
PRIMARY KEY (tenant, hour)
ORDER BY (tenant, hour, user_id, session_id, new, country, city, as_org, ip)
{{.TTL "new_places" "hour"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Sessions from places that were new to their user; filled by new_places_mv';

{{.Distributed "new_places" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS new_places_mv{{.OnCluster}} TO new_places{{.Local}} AS
SELECT tenant, toStartOfHour(f.decided_at) AS hour, user_id, session_id,
       JSONExtractString(parts.detail[indexOf(parts.code, 'new_network')], 'new') AS new, country, city, as_org, ip,
       argMinState(event_id, ts) AS event, min(ts) AS first, max(f.decided_at) AS decided_at, max(risk) AS risk_max
FROM features{{.Local}} AS f
WHERE event_type = 'dev.riskd.activity.v1' AND has(parts.code, 'new_network')
GROUP BY tenant, hour, user_id, session_id, new, country, city, as_org, ip
COMMENT 'Fills new_places from features';

INSERT INTO new_places (tenant, hour, user_id, session_id, new, country, city, as_org, ip, event, first, decided_at, risk_max)
SELECT tenant, toStartOfHour(f.decided_at) AS hour, user_id, session_id,
       JSONExtractString(parts.detail[indexOf(parts.code, 'new_network')], 'new') AS new, country, city, as_org, ip,
       argMinState(event_id, ts), min(ts), max(f.decided_at), max(risk)
FROM features AS f
WHERE event_type = 'dev.riskd.activity.v1' AND has(parts.code, 'new_network')
GROUP BY tenant, hour, user_id, session_id, new, country, city, as_org, ip;
