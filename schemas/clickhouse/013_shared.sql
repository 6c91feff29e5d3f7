-- Who shares an address or a device: features can be entered by both, so that one address in months is a few granules.
-- Old parts get the indexes when they merge; MATERIALIZE INDEX does it at once.
--
-- Example: the users of one address in the last 30 days
--   SELECT user_id, count() AS decisions, max(risk) AS worst FROM features
--   WHERE tenant = 'acme' AND ip = toIPv6('203.0.113.7') AND ts > now() - INTERVAL 30 DAY GROUP BY user_id ORDER BY worst DESC
ALTER TABLE features{{.Local}}{{.OnCluster}} ADD INDEX IF NOT EXISTS ix_ip ip TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS ix_device device_id TYPE bloom_filter(0.01) GRANULARITY 1;
