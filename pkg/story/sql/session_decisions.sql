-- A session's decisions, newest first.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND session_id = {session:String}
ORDER BY ts DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
