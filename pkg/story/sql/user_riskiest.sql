-- A user's riskiest decisions.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
ORDER BY risk DESC, ts DESC
LIMIT {limit:UInt32}
