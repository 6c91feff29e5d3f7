-- What became of the challenges raised since a moment of riskd's own clock, by what caused them.
SELECT first_cause AS cause, count() AS asked, countIf(shown_at > 0) AS shown, countIf(last_state = 'satisfied') AS satisfied,
       countIf(last_state = 'denied') AS denied, countIf(last_state = 'expired') AS expired, countIf(last_state = 'cancelled') AS cancelled,
       countIf(last_state = 'required') AS open, sum(failures) AS failed_attempts,
       if(satisfied > 0, round(quantileExactIf(0.5)(took_s, last_state = 'satisfied'), 1), 0) AS seconds_to_answer
FROM (SELECT tenant, challenge_id, argMin(cause, revision) AS first_cause, argMax(state, revision) AS last_state,
             dateDiff('millisecond', min(ts), max(ts)) / 1000 AS took_s
      FROM signals
      WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
      GROUP BY tenant, challenge_id
      HAVING min(revision) <= 1) AS c
LEFT JOIN (SELECT tenant, challenge_id, countIf(result = 'shown') AS shown_at, countIf(kind = 'failed') AS failures
           FROM enforcement
           WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
           GROUP BY tenant, challenge_id) AS e USING (tenant, challenge_id)
GROUP BY cause
ORDER BY asked DESC, cause
