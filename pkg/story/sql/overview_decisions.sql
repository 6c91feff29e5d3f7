-- What was decided since a moment of riskd's own clock.
SELECT count() AS decisions, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies,
       countIf(level = 'medium') AS medium, countIf(level = 'high') AS high,
       uniq(tenant, user_id) AS users, uniq(tenant, session_id) AS sessions,
       quantilesTDigest(0.5, 0.95, 0.99)(latency_ms) AS latency, max(decided_at) AS last
FROM features
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
