-- What is this? A name is looked for among users, sessions, events and challenges of all tenants, the last seen first.
SELECT kind, tenant, id, last, rows
FROM (
    SELECT 'user' AS kind, tenant, user_id AS id, max(ts) AS last, count() AS rows FROM events WHERE user_id = {q:String} AND status = 'scored' GROUP BY tenant, user_id
    UNION ALL
    SELECT 'session', tenant, session_id, max(ts), count()
    FROM features
    WHERE session_id = {q:String} AND (tenant, user_id) IN (SELECT tenant, user_id FROM sessions WHERE session_id = {q:String})
      AND ts >= (SELECT min(first) FROM sessions WHERE session_id = {q:String}) AND ts <= (SELECT max(last) FROM sessions WHERE session_id = {q:String})
    GROUP BY tenant, session_id
    UNION ALL
    SELECT 'event', tenant, event_id, max(ts), count()
    FROM features
    WHERE event_id = {q:String} AND (tenant, toStartOfHour(ts)) IN (SELECT tenant, hour FROM event_hours WHERE h = toUInt32(cityHash64({q:String})))
    GROUP BY tenant, event_id
    UNION ALL
    SELECT 'challenge', tenant, session_id, max(ts), count() FROM signals WHERE challenge_id = {q:String} GROUP BY tenant, session_id
)
ORDER BY last DESC
LIMIT {limit:UInt32}
