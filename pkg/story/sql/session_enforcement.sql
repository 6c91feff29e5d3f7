-- What apps did with a session's flag, and what the user did with its challenges, newest first.
-- from and to are the session's first and last moment: with them, little is read whatever else is there.
SELECT tenant, challenge_id, kind, ts, event_id, source, user_id, session_id, action, outcome, route, result, sdk,
       resource_type, resource_id, sensitivity, acr, amr, reason, session_state, ip, partition, seq, idx
FROM enforcement
WHERE tenant = {tenant:String} AND session_id = {session:String}
  AND ts >= {from:DateTime64(3, 'UTC')} AND ts <= {to:DateTime64(3, 'UTC')}
ORDER BY ts DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
