-- What rules with the effect notify have said: nothing was asked and nothing was blocked. Apps hear the same from the broker
-- (riskd.notices). The key is the notice's place in the ledger: the same notice once more changes nothing.
--
-- Example: what was said of a user in the last 30 days?
--   SELECT ts, rule, action, resource_id, reason_analyst FROM notices FINAL
--   WHERE tenant = 'acme' AND user_id = 'ann' AND ts > now() - INTERVAL 30 DAY ORDER BY ts DESC LIMIT 50
CREATE TABLE IF NOT EXISTS notices{{.Local}}{{.OnCluster}}
(
    tenant         LowCardinality(String) COMMENT 'Tenant',
    ts             DateTime64(3, 'UTC')   COMMENT 'When the event happened, by the app' CODEC(Delta(8), ZSTD(1)),
    notice_id      String                 COMMENT 'Place in the ledger: partition:record:number' CODEC(ZSTD(1)),
    user_id        String                 COMMENT 'Whose event it was' CODEC(ZSTD(1)),
    session_id     String                 COMMENT 'Its session' CODEC(ZSTD(1)),
    event_id       String                 COMMENT 'The event; with source its identity' CODEC(ZSTD(1)),
    source         LowCardinality(String) COMMENT 'CloudEvents source: which app',
    action         LowCardinality(String) COMMENT 'What was done',
    resource_type  LowCardinality(String) COMMENT 'Kind of thing it was done to',
    resource_id    String                 COMMENT 'The thing' CODEC(ZSTD(1)),
    rule           LowCardinality(String) COMMENT 'Rule that applied',
    policy         LowCardinality(String) COMMENT 'Policy it is in, name@version',
    risk           Float64                COMMENT 'Risk of the event, 0 to 100' CODEC(ZSTD(1)),
    decision       LowCardinality(String) COMMENT 'What was decided all the same: allow, step_up or deny',
    reason_user    String                 COMMENT 'What the rule says to the user' CODEC(ZSTD(1)),
    reason_analyst String                 COMMENT 'What it says to analysts' CODEC(ZSTD(1)),
    position       UInt64                 COMMENT 'Place in the stream of notices' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, toStartOfHour(ts), user_id, notice_id)
{{.TTL "notices" "ts"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'What rules that only notify have said';

{{.Distributed "notices" "cityHash64(tenant, user_id)"}}
