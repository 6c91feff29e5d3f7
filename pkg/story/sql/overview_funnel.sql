-- Challenges raised since a moment of riskd's own clock, by where they stand now.
SELECT last_state AS state, count() AS challenges
FROM (SELECT challenge_id, argMax(state, revision) AS last_state
      FROM signals
      WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
      GROUP BY tenant, challenge_id
      HAVING min(revision) <= 1)
GROUP BY state
ORDER BY state
