-- Who looked at what in the console, and what they did there: each look at a person's story, each feedback, each
-- re-drive, each sign-in. The console writes a row before it answers; a look that cannot be written is not shown.
--
-- Example: who looked at one user's story in the last 30 days?
--   SELECT at, actor, role, action, subject, address FROM console_audit
--   WHERE tenant = 'acme' AND user_id = 'ada' AND at > now() - INTERVAL 30 DAY ORDER BY at DESC
CREATE TABLE IF NOT EXISTS console_audit{{.Local}}{{.OnCluster}}
(
    at       DateTime64(3, 'UTC')   COMMENT 'When, by the console''s clock' CODEC(Delta(8), ZSTD(1)),
    id       String                 COMMENT 'Random; a row that is sent again has the same' CODEC(ZSTD(1)),
    actor    LowCardinality(String) COMMENT 'Account; empty where nobody was signed in',
    role     LowCardinality(String) COMMENT 'Role they had: viewer, analyst or admin',
    action   LowCardinality(String) COMMENT 'signed_in, sign_in_failed, signed_out, saw_user, saw_session, saw_decision, investigated, searched, saw_dead_letters, saw_audit, feedback, redrive',
    tenant   LowCardinality(String) COMMENT 'Tenant it was about; empty is none or all',
    user_id  String                 COMMENT 'Person it was about, as far as it names one' CODEC(ZSTD(1)),
    subject  String                 COMMENT 'What it was about: a user, session, event, address or text looked for' CODEC(ZSTD(1)),
    detail   String                 COMMENT 'More, in words: the reason given, the label, what went wrong' CODEC(ZSTD(1)),
    address  LowCardinality(String) COMMENT 'Where the browser was; IPv6 as its /64'
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (toStartOfHour(at), actor)
ORDER BY (toStartOfHour(at), actor, at, id)
{{.TTL "console_audit" "at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Who looked at what in the console, and what they did there';

{{.Distributed "console_audit" "cityHash64(id)"}}
