-- The riskiest decision of each of a user's sessions; reports of apps are left out.
-- They are found by narrow columns first: the evidence of a busy user's months is large.
SELECT {{template "_decision"}}
FROM features
WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
  AND (ts, partition, seq, idx) IN (
      SELECT ts, partition, seq, idx
      FROM features
      WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
        AND event_type = 'dev.riskd.activity.v1'
      ORDER BY risk DESC, ts DESC
      LIMIT 1 BY session_id
      LIMIT {limit:UInt32})
ORDER BY risk DESC, ts DESC
LIMIT 1 BY session_id
LIMIT {limit:UInt32}
