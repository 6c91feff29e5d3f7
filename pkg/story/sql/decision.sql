-- One event's decision with all its parts. The same event id may come from two sources.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND event_id = {event:String}
  AND toStartOfHour(ts) IN (SELECT hour FROM event_hours WHERE tenant = {tenant:String} AND h = toUInt32(cityHash64({event:String})))
ORDER BY decided_at DESC
LIMIT 10
