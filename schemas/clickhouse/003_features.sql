-- Decisions: one row per scored event, with everything that went into it. The risk can be recomputed
-- from the row alone: the parts' nats are log-likelihood ratios, and their sum is the risk's log-odds.
--
-- Example: the riskiest decisions of the last hour, the strongest reason first
--   SELECT ts, user_id, event_action, country, round(risk, 1) AS risk, action,
--          arrayStringConcat(arrayMap(i -> concat(parts.code[i], ' ', toString(round(parts.nats[i], 2))),
--                            arrayReverseSort(i -> parts.nats[i], arrayEnumerate(parts.code))), ', ') AS why,
--          round(risk - round(100 / (1 + exp(-arraySum(parts.nats))), 2), 2) AS off
--   FROM features
--   WHERE tenant = 'acme' AND ts > now() - INTERVAL 1 HOUR
--   ORDER BY risk DESC LIMIT 20
CREATE TABLE IF NOT EXISTS features{{.Local}}{{.OnCluster}}
(
    tenant            LowCardinality(String) COMMENT 'Tenant',
    event_id          String                 COMMENT 'The event judged' CODEC(ZSTD(1)),
    source            LowCardinality(String) COMMENT 'CloudEvents source of the event',
    event_type        LowCardinality(String) COMMENT 'CloudEvents type of the event',
    event_action      LowCardinality(String) COMMENT 'What the user did: auth.login, resource.export, ...',
    outcome           LowCardinality(String) COMMENT 'How that ended: success, failure, denied or challenged',
    ts                DateTime64(3, 'UTC')   COMMENT 'Event time' CODEC(Delta(8), ZSTD(1)),
    decided_at        DateTime64(3, 'UTC')   COMMENT 'When the scorer committed the decision' CODEC(Delta(8), ZSTD(1)),
    latency_ms        UInt32                 COMMENT 'From the broker taking the event to the commit, milliseconds' CODEC(T64, ZSTD(1)),
    user_id           String                 COMMENT 'User' CODEC(ZSTD(1)),
    session_id        String                 COMMENT 'Session; u:<user> where the app sent none' CODEC(ZSTD(1)),
    risk              Float64                COMMENT 'Risk 0..100 = round(100 / (1 + exp(-sum(parts.nats))), 2)' CODEC(ZSTD(1)),
    level             LowCardinality(String) COMMENT 'low, medium or high',
    action            LowCardinality(String) COMMENT 'What the app has to do: allow, step_up or deny',
    impossible_travel Float64                COMMENT 'Score 0..100: could the user have got there in time?' CODEC(ZSTD(1)),
    new_device        Float64                COMMENT 'Score 0..100: is this a device the user was not seen with?' CODEC(ZSTD(1)),
    deviation         Float64                COMMENT 'Score 0..100: how far is this from the user''s own habits?' CODEC(ZSTD(1)),
    parts             Nested(code LowCardinality(String), nats Float64, detail String)
                                             COMMENT 'The evidence: code, log-likelihood ratio in nats (negative speaks for the owner), inputs as JSON with units in the names' CODEC(ZSTD(1)),
    unknown           Array(LowCardinality(String)) COMMENT 'Inputs that were not known: geo, asn, device, ...' CODEC(ZSTD(1)),
    challenge_id      String                 COMMENT 'The session''s challenge, open or just closed; empty when there is none' CODEC(ZSTD(1)),
    session_state     LowCardinality(String) COMMENT 'The session after this event: clear, required, satisfied, denied or expired',
    rule              LowCardinality(String) COMMENT 'Policy rule that decided; empty when the threshold did',
    policy            LowCardinality(String) COMMENT 'Policy, name@version',
    baseline          LowCardinality(String) COMMENT 'Population baseline, by its date',
    geo               LowCardinality(String) COMMENT 'GeoIP data, name@date',
    engine            LowCardinality(String) COMMENT 'Version of the scoring engine',
    ip                IPv6                   COMMENT 'Address (IPv4 mapped); :: is unknown' CODEC(ZSTD(1)),
    country           LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; empty is unknown',
    city              LowCardinality(String) COMMENT 'City; empty is unknown',
    asn               UInt32                 COMMENT 'Autonomous system number; 0 is unknown' CODEC(T64, ZSTD(1)),
    as_org            LowCardinality(String) COMMENT 'Its organisation',
    network_kind      LowCardinality(String) COMMENT 'residential, mobile, hosting, vpn, relay or satellite; empty is unknown',
    device_id         String                 COMMENT 'Device token; empty is unknown' CODEC(ZSTD(1)),
    browser           LowCardinality(String) COMMENT 'Browser family',
    os                LowCardinality(String) COMMENT 'Operating system family',
    device_class      LowCardinality(String) COMMENT 'desktop, phone, tablet, bot or other',
    resource_type     LowCardinality(String) COMMENT 'Kind of resource',
    resource_id       String                 COMMENT 'Resource' CODEC(ZSTD(1)),
    sensitivity       LowCardinality(String) COMMENT 'Of the resource: public, internal, restricted or critical; empty is unknown',
    partition         UInt16                 COMMENT 'Journal position: partition',
    seq               UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx               UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1)),
    INDEX ix_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_event event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_decided decided_at TYPE minmax GRANULARITY 1
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toMonday(if(ts > decided_at - INTERVAL 400 DAY AND ts < decided_at + INTERVAL 1 DAY, ts, decided_at))
PRIMARY KEY (tenant, toStartOfHour(ts), user_id)
ORDER BY (tenant, toStartOfHour(ts), user_id, ts, partition, seq, idx)
{{.TTL "features" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'One row per decision: risk, scores, every part of the evidence, action and versions';

{{.Distributed "features" "cityHash64(tenant, user_id)"}}
