-- What apps did with a session's flag, and what the user did with its challenges, newest first.
SELECT tenant, challenge_id, kind, ts, event_id, source, user_id, session_id, action, outcome, route, result, sdk,
       resource_type, resource_id, sensitivity, acr, amr, reason, session_state, ip, partition, seq, idx
FROM enforcement
WHERE {{template "_session"}}
ORDER BY ts DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
