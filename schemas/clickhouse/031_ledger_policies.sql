-- Which revision of the policies judged each record. Where it differs from the record before it in the partition, the
-- policies were swapped there.
--
-- Example: when did each partition take over the latest revision?
--   SELECT partition, min(seq) AS from_record, min(decided_at) AS at
--   FROM ledger WHERE policies = (SELECT max(policies) FROM ledger) GROUP BY partition ORDER BY at
ALTER TABLE ledger{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS policies UInt64 COMMENT 'Revision of the policies that judged it (policy_changes.n); 0: those riskd was started with' CODEC(Delta(8), ZSTD(1));
{{if .Local}}
ALTER TABLE ledger{{.OnCluster}} ADD COLUMN IF NOT EXISTS policies UInt64 COMMENT 'Revision of the policies that judged it (policy_changes.n); 0: those riskd was started with';
{{end}}
