-- A session's events that came too late to be scored, newest first.
SELECT tenant, event_id, source, type, action, outcome, ts, decided_at, user_id, session_id, reason,
       ip, country, city, asn, as_org, network_kind, device_id, browser, os, device_class, partition, seq, idx
FROM events
WHERE {{template "_session"}} AND status = 'late'
ORDER BY ts DESC
LIMIT {limit:UInt32}
