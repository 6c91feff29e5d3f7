-- One event's decision with all its parts. The same event id may come from two sources.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND event_id = {event:String}
ORDER BY decided_at DESC
LIMIT 10
