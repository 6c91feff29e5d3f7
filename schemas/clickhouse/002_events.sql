-- Events as they were judged: what the app sent, and what riskd added (place, network, agent, crowd).
-- Scored and late events are here; late ones are marked and have no row in features. Messages that
-- could not be used are in dead_letters; duplicates are only counted, in ledger.
--
-- Example: who else came from the addresses of one user, in the last 30 days?
--   SELECT ip, uniqExact(user_id) AS users, groupUniqArray(10)(user_id) AS some
--   FROM events
--   WHERE tenant = 'acme' AND ts > now() - INTERVAL 30 DAY AND ip IN
--         (SELECT ip FROM events WHERE tenant = 'acme' AND user_id = 'u1' AND ts > now() - INTERVAL 30 DAY)
--   GROUP BY ip ORDER BY users DESC LIMIT 20
CREATE TABLE IF NOT EXISTS events{{.Local}}{{.OnCluster}}
(
    tenant            LowCardinality(String) COMMENT 'Tenant',
    event_id          String                 COMMENT 'The app''s event id; unique together with source' CODEC(ZSTD(1)),
    source            LowCardinality(String) COMMENT 'CloudEvents source: which app sent it',
    type              LowCardinality(String) COMMENT 'CloudEvents type, e.g. dev.riskd.activity.v1',
    status            LowCardinality(String) COMMENT 'scored, or late: beyond the lateness bound, stored but not scored',
    ts                DateTime64(3, 'UTC')   COMMENT 'Event time, as the app gave it' CODEC(Delta(8), ZSTD(1)),
    received_at       DateTime64(3, 'UTC')   COMMENT 'When the broker took it' CODEC(Delta(8), ZSTD(1)),
    decided_at        DateTime64(3, 'UTC')   COMMENT 'When the scorer committed it' CODEC(Delta(8), ZSTD(1)),
    user_id           String                 COMMENT 'User' CODEC(ZSTD(1)),
    user_kind         LowCardinality(String) COMMENT 'person, service or agent',
    session_id        String                 COMMENT 'Session handle; u:<user> where the app sent none' CODEC(ZSTD(1)),
    auth_time         DateTime64(3, 'UTC')   COMMENT 'Last active authentication of the session; 1970 is unknown' CODEC(Delta(8), ZSTD(1)),
    acr               LowCardinality(String) COMMENT 'Authentication context class proven in the session',
    amr               Array(LowCardinality(String)) COMMENT 'Authentication methods used (RFC 8176)' CODEC(ZSTD(1)),
    device_id         String                 COMMENT 'Device token of the app; empty is unknown' CODEC(ZSTD(1)),
    ip                IPv6                   COMMENT 'Address (IPv4 mapped); :: is unknown' CODEC(ZSTD(1)),
    rtt_ms            UInt32                 COMMENT 'Round trip, milliseconds; 0 is unknown' CODEC(T64, ZSTD(1)),
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; empty is unknown',
    city              LowCardinality(String) COMMENT 'City; empty is unknown',
    located           Bool                   COMMENT 'Whether lat and lon mean anything' CODEC(ZSTD(1)),
    lat               Float32                COMMENT 'Latitude, degrees' CODEC(ZSTD(1)),
    lon               Float32                COMMENT 'Longitude, degrees' CODEC(ZSTD(1)),
    accuracy_km       Float32                COMMENT 'Radius that holds the device with 67 % confidence, km; 0 is unknown' CODEC(ZSTD(1)),
    asn               UInt32                 COMMENT 'Autonomous system number; 0 is unknown' CODEC(T64, ZSTD(1)),
    as_org            LowCardinality(String) COMMENT 'Its organisation',
    network_kind      LowCardinality(String) COMMENT 'residential, mobile, hosting, vpn, relay or satellite; empty is unknown',
    user_agent        LowCardinality(String) COMMENT 'User-Agent header as sent: text from outside, escape it',
    browser           LowCardinality(String) COMMENT 'Browser family; empty is unknown',
    browser_major     UInt16                 COMMENT 'Its major version' CODEC(T64, ZSTD(1)),
    os                LowCardinality(String) COMMENT 'Operating system family; empty is unknown',
    os_major          UInt16                 COMMENT 'Its major version' CODEC(T64, ZSTD(1)),
    device_class      LowCardinality(String) COMMENT 'desktop, phone, tablet, bot or other',
    action            LowCardinality(String) COMMENT 'What the user did, a dotted verb: auth.login, resource.export, ...',
    outcome           LowCardinality(String) COMMENT 'success, failure, denied or challenged',
    resource_type     LowCardinality(String) COMMENT 'Kind of resource',
    resource_id       String                 COMMENT 'Resource' CODEC(ZSTD(1)),
    sensitivity       LowCardinality(String) COMMENT 'public, internal, restricted or critical; empty is unknown',
    count             UInt32                 COMMENT 'How many equal actions the event stands for' CODEC(T64, ZSTD(1)),
    bytes             UInt64                 COMMENT 'Payload moved by the action, bytes' CODEC(T64, ZSTD(1)),
    attributes        Map(LowCardinality(String), String) COMMENT 'The app''s own facts' CODEC(ZSTD(1)),
    challenge_id      String                 COMMENT 'Step-up results, receipts and feedback: the challenge they are about' CODEC(ZSTD(1)),
    reason            String                 COMMENT 'Why, in the reporter''s words; for late events, riskd''s code' CODEC(ZSTD(1)),
    route             LowCardinality(String) COMMENT 'Receipts: the app''s route',
    result            LowCardinality(String) COMMENT 'Receipts: shown, passed, allowed, denied, fail_open or stale',
    sdk               LowCardinality(String) COMMENT 'Receipts: SDK and version',
    feedback_event_id String                 COMMENT 'Feedback: the event judged' CODEC(ZSTD(1)),
    verdict           LowCardinality(String) COMMENT 'Feedback: legitimate, attack, end_challenge or revoke_session',
    author            LowCardinality(String) COMMENT 'Feedback: who says so',
    ip_users          UInt32                 COMMENT 'Other users on this address in the hour before' CODEC(T64, ZSTD(1)),
    ip_failed_users   UInt32                 COMMENT 'Users with a failed login from this address in the hour before' CODEC(T64, ZSTD(1)),
    ip_failures       UInt32                 COMMENT 'Failed logins from this address in the hour before' CODEC(T64, ZSTD(1)),
    device_users      UInt32                 COMMENT 'Users seen with this device token in the hour before' CODEC(T64, ZSTD(1)),
    partition         UInt16                 COMMENT 'Journal position: partition',
    seq               UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx               UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1)),
    INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_event event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_ip ip TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_decided decided_at TYPE minmax GRANULARITY 1
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
-- By week of event time; an event whose clock is far off goes to the week it was decided in, so that
-- the number of partitions does not depend on what apps send. Queries by ts still skip whole parts.
PARTITION BY toMonday(if(ts > decided_at - INTERVAL 400 DAY AND ts < decided_at + INTERVAL 1 DAY, ts, decided_at))
PRIMARY KEY (tenant, user_id, ts)
ORDER BY (tenant, user_id, ts, partition, seq, idx)
{{.TTL "events" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Every event that was scored or came too late, with what riskd added before judging it';

{{.Distributed "events" "cityHash64(tenant, user_id)"}}
