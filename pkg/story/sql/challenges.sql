-- Challenges and where they stand, the newest first. Empty filters do not filter.
SELECT tenant, challenge_id, any(user_id) AS user, any(session_id) AS session, argMin(event_id, revision) AS event,
       argMin(cause, revision) AS first_cause, argMin(rule, revision) AS first_rule, argMin(reasons, revision) AS first_reasons,
       argMax(risk, revision) AS last_risk, any(issued_at) AS issued, any(expires_at) AS expires,
       argMax(state, revision) AS last_state, argMax(cause, revision) AS last_cause, max(ts) AS changed,
       max(revision) AS revisions, min(decided_at) AS raised_at
FROM signals
WHERE decided_at >= {since:DateTime64(3, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND ({user:String} = '' OR user_id = {user:String})
  AND ({session:String} = '' OR session_id = {session:String})
GROUP BY tenant, challenge_id
HAVING {state:String} = '' OR last_state = {state:String}
ORDER BY raised_at DESC, challenge_id
LIMIT {limit:UInt32}
