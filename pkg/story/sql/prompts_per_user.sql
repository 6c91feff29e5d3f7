-- How often honest users are asked, by week of event time: challenges that did not end in a denial, of sessions that
-- nobody judged an attack, over all users who were active in the week (an estimate, about 1 % off).
SELECT week, active_users, asked_users, challenges, honest, round(honest / active_users, 4) AS per_user_and_week, most_of_one_user
FROM (SELECT toMonday(day) AS week, uniqCombined64Merge(14)(users) AS active_users
      FROM active_day
      WHERE day >= toMonday({since:DateTime64(3, 'UTC')}) AND ({tenant:String} = '' OR tenant = {tenant:String})
      GROUP BY week) AS a
LEFT JOIN (SELECT week, uniqExact(tenant, user_id) AS asked_users, sum(n) AS challenges, sum(good) AS honest, max(good) AS most_of_one_user
           FROM (SELECT toMonday(issued) AS week, tenant, user_id, count() AS n,
                        countIf(last_state != 'denied' AND (tenant, session) NOT IN
                                (SELECT tenant, session_id FROM feedback WHERE verdict = 'attack' AND ts >= toMonday({since:DateTime64(3, 'UTC')}))) AS good
                 FROM (SELECT tenant, any(user_id) AS user_id, any(session_id) AS session, min(issued_at) AS issued, argMax(state, revision) AS last_state
                       FROM signals
                       WHERE ts >= toMonday({since:DateTime64(3, 'UTC')}) AND ({tenant:String} = '' OR tenant = {tenant:String})
                       GROUP BY tenant, challenge_id)
                 GROUP BY week, tenant, user_id)
           GROUP BY week) AS p USING (week)
ORDER BY week
