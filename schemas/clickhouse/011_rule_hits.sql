-- Which of the policy's rules applied to a decision, beside the one that decided.
--
-- Example: what each rule does, and what one that is only tried would do
--   SELECT rule, count() AS decisions, uniqExact(user_id) AS users, countIf(action != 'allow') AS blocked
--   FROM features ARRAY JOIN arrayConcat(hits, arrayMap(r -> concat(r, ' (shadow)'), shadow_hits)) AS rule
--   WHERE tenant = 'acme' AND ts > now() - INTERVAL 7 DAY GROUP BY rule ORDER BY decisions DESC
ALTER TABLE features{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS hits Array(LowCardinality(String)) COMMENT 'Policy rules that applied, in the policy''s order' CODEC(ZSTD(1)) AFTER rule,
    ADD COLUMN IF NOT EXISTS shadow_hits Array(LowCardinality(String)) COMMENT 'Rules that are only tried, or not yet rolled out to this user, and would have applied' CODEC(ZSTD(1)) AFTER hits;
{{if .Local}}
ALTER TABLE features{{.OnCluster}} ADD COLUMN IF NOT EXISTS hits Array(LowCardinality(String)) COMMENT 'Policy rules that applied, in the policy''s order' AFTER rule,
    ADD COLUMN IF NOT EXISTS shadow_hits Array(LowCardinality(String)) COMMENT 'Rules that are only tried, or not yet rolled out to this user, and would have applied' AFTER hits;
{{end}}
