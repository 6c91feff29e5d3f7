-- What users and analysts said of a session or its events, newest first.
SELECT event_id, ts, verdict, author, reason, feedback_event_id, attributes['label'] AS label
FROM events
WHERE {{template "_session"}} AND type = 'dev.riskd.feedback.v1'
ORDER BY ts DESC, event_id
LIMIT {limit:UInt32}
