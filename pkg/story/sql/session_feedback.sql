-- What users and analysts said of a session or its events, newest first.
-- from and to are the session's first and last moment: with them, little is read whatever else is there.
SELECT event_id, ts, verdict, author, reason, feedback_event_id, attributes['label'] AS label
FROM events
WHERE tenant = {tenant:String} AND session_id = {session:String} AND type = 'dev.riskd.feedback.v1'
  AND ts >= {from:DateTime64(3, 'UTC')} AND ts <= {to:DateTime64(3, 'UTC')}
ORDER BY ts DESC, event_id
LIMIT {limit:UInt32}
