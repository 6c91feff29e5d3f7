-- The devices a user was seen with, the last one first. An empty device is "no token".
SELECT device_id, browser, os, device_class, count() AS events, uniqExact(session_id) AS sessions, min(ts) AS first, max(ts) AS last
FROM events
WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')} AND type = 'dev.riskd.activity.v1'
GROUP BY device_id, browser, os, device_class
ORDER BY last DESC
LIMIT {limit:UInt32}
