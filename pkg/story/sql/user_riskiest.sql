-- The riskiest decision of each of a user's sessions; reports of apps are left out.
-- They are found by narrow columns first: the evidence of a busy user's months is large.
SELECT {{template "_decision"}}
FROM features
WHERE {{template "_user"}}
  AND (ts, partition, seq, idx) IN (
      SELECT ts, partition, seq, idx
      FROM features
      WHERE {{template "_user"}}
        AND event_type = 'dev.riskd.activity.v1'
      ORDER BY risk DESC, ts DESC
      LIMIT 1 BY session_id
      LIMIT {limit:UInt32})
ORDER BY risk DESC, ts DESC
LIMIT 1 BY session_id
LIMIT {limit:UInt32}
