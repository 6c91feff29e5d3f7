-- The users who were asked most often since a moment of riskd's own clock: fatigue, or somebody who keeps trying.
SELECT tenant, user_id AS user, count() AS asked, countIf(last_state = 'satisfied') AS satisfied, countIf(last_state = 'denied') AS denied,
       countIf(last_state = 'expired') AS expired, max(issued) AS last
FROM (SELECT tenant, any(user_id) AS user_id, min(issued_at) AS issued, argMax(state, revision) AS last_state
      FROM signals
      WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
      GROUP BY tenant, challenge_id
      HAVING min(revision) <= 1)
GROUP BY tenant, user_id
ORDER BY asked DESC, last DESC, user
LIMIT {limit:UInt32}
