-- What a requirement is about: a demand for restricted data blocks that, and not all that the session does.
--
-- Example: how often did a demand wait for something else than the whole session?
--   SELECT if(scope = '', 'session', scope) AS about, rule, uniqExact(challenge_id) AS challenges FROM signals
--   WHERE tenant = 'acme' AND ts > now() - INTERVAL 30 DAY AND state = 'required' GROUP BY about, rule ORDER BY challenges DESC LIMIT 20
ALTER TABLE signals{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS scope String COMMENT 'What waits for the proof, such as sensitivity=restricted action=apikey.create resource=page/payroll; empty: the whole session' CODEC(ZSTD(1)) AFTER on_expiry;
{{if .Local}}
ALTER TABLE signals{{.OnCluster}} ADD COLUMN IF NOT EXISTS scope String COMMENT 'What waits for the proof, such as sensitivity=restricted action=apikey.create resource=page/payroll; empty: the whole session' AFTER on_expiry;
{{end}}
