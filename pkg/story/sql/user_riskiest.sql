-- A user's riskiest decisions on what was done; reports of apps are left out.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
  AND event_type = 'dev.riskd.activity.v1'
ORDER BY risk DESC, ts DESC
LIMIT {limit:UInt32}
