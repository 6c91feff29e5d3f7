-- A session's decisions, newest first.
SELECT {{template "_decision"}}
FROM features
WHERE {{template "_session"}}
ORDER BY ts DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
