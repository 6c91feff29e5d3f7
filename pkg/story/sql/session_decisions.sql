-- A session's decisions, newest first.
-- from and to are the session's first and last moment: with them, little is read whatever else is there.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND session_id = {session:String}
  AND ts >= {from:DateTime64(3, 'UTC')} AND ts <= {to:DateTime64(3, 'UTC')}
ORDER BY ts DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
