-- A user in one line.
SELECT min(ts) AS first, max(ts) AS last, count() AS events, uniqExact(session_id) AS sessions, uniqExactIf(ip, ip != toIPv6('::')) AS addresses,
       any(user_kind) AS kind
FROM events
WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
HAVING events > 0
