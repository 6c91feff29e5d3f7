-- The decisions of some events of one tenant, for one-line reasons beside challenges.
-- from and to bound the event time, so that few parts are read.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND event_id IN {events:Array(String)}
  AND ts >= {from:DateTime64(3, 'UTC')} AND ts <= {to:DateTime64(3, 'UTC')}
LIMIT {limit:UInt32}
