-- The decisions of some events of one tenant, for one-line reasons beside challenges.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND event_id IN {events:Array(String)}
  AND toStartOfHour(ts) IN (SELECT hour FROM event_hours
                            WHERE tenant = {tenant:String} AND h IN (SELECT toUInt32(cityHash64(arrayJoin({events:Array(String)})))))
LIMIT {limit:UInt32}
