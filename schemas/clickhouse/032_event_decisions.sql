-- What a backtest needs to prove that it gives the decisions on record again: a digest of the decision as the journal
-- holds it (signals included), the revision of the policies, and the versions that made it. Rows from before have 0 and ''.
--
-- Example: what judged the events of the last week?
--   SELECT versions, policies, count() AS events, min(decided_at) AS since, max(decided_at) AS until
--   FROM events WHERE decided_at > now() - INTERVAL 7 DAY AND status = 'scored' GROUP BY versions, policies ORDER BY since
ALTER TABLE events{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS decision UInt64 COMMENT 'First 8 bytes of the SHA-256 of the decision as the journal holds it; 0: none' CODEC(ZSTD(1)) AFTER rest,
    ADD COLUMN IF NOT EXISTS policies UInt64 COMMENT 'Revision of the policies that judged it (policy_changes.n); 0: those riskd was started with' CODEC(T64, ZSTD(1)) AFTER decision,
    ADD COLUMN IF NOT EXISTS versions LowCardinality(String) COMMENT 'Policy, baseline, engine and geo data that judged it, tab-separated' AFTER policies;
{{if .Local}}
ALTER TABLE events{{.OnCluster}} ADD COLUMN IF NOT EXISTS decision UInt64 COMMENT 'First 8 bytes of the SHA-256 of the decision as the journal holds it; 0: none' AFTER rest,
    ADD COLUMN IF NOT EXISTS policies UInt64 COMMENT 'Revision of the policies that judged it (policy_changes.n); 0: those riskd was started with' AFTER decision,
    ADD COLUMN IF NOT EXISTS versions LowCardinality(String) COMMENT 'Policy, baseline, engine and geo data that judged it, tab-separated' AFTER policies;
{{end}}
