-- How long the flag took: with it, "time to flag" needs no join. And features can be entered by provider's network.
--
-- Example: how long flags of the last day took from the broker to the commit, by cause
--   SELECT cause, count() AS flags, quantilesTDigest(0.5, 0.99)(latency_ms) AS ms FROM signals
--   WHERE tenant = 'acme' AND decided_at > now() - INTERVAL 1 DAY AND revision = 1 AND latency_ms > 0 GROUP BY cause ORDER BY flags DESC
ALTER TABLE signals{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS latency_ms UInt32 COMMENT 'From the broker taking the event to the commit, milliseconds; 0 is unknown' CODEC(T64, ZSTD(1)) AFTER decided_at;
{{if .Local}}
ALTER TABLE signals{{.OnCluster}} ADD COLUMN IF NOT EXISTS latency_ms UInt32 COMMENT 'From the broker taking the event to the commit, milliseconds; 0 is unknown' AFTER decided_at;
{{end}}
ALTER TABLE features{{.Local}}{{.OnCluster}} ADD INDEX IF NOT EXISTS ix_asn asn TYPE bloom_filter(0.01) GRANULARITY 1;
