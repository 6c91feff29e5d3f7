-- How often each rule of the policy applied, the rules that are only tried beside them. Whole hours come from rule_hour, the
-- hour in which the moment lies (and all before the view was made) from features. Users and sessions are estimates.
WITH greatest(toStartOfHour({since:DateTime64(3, 'UTC')} + INTERVAL 3599999 MILLISECOND),
              (SELECT if(count() = 0, toDateTime('2100-01-01 00:00:00', 'UTC'), min(t) + INTERVAL 1 HOUR) FROM decided_hour)) AS whole
SELECT rule, tried AS tried_only, sum(n) AS decisions, uniqCombined64Merge(12)(users) AS users, uniqCombined64Merge(12)(sessions) AS sessions,
       sumIf(n, action = 'step_up') AS step_ups, sumIf(n, action = 'deny') AS denies, round(sum(risk_sum) / sum(n), 2) AS mean_risk, max(last) AS last
FROM (
    SELECT rule, tried, action, n, risk_sum, last, users, sessions
    FROM rule_hour
    WHERE t >= whole AND ({tenant:String} = '' OR tenant = {tenant:String})
    UNION ALL
    SELECT hit.1 AS rule, hit.2 AS tried, action, count(), sum(risk), max(decided_at),
           uniqCombined64State(12)(cityHash64(tenant, user_id)), uniqCombined64State(12)(cityHash64(tenant, session_id))
    FROM (SELECT tenant, decided_at, action, risk, user_id, session_id,
                 arrayConcat(arrayMap(r -> (r, false), arrayDistinct(arrayFilter(r -> r != '', arrayPushBack(CAST(hits, 'Array(String)'), toString(rule))))),
                             arrayMap(r -> (r, true), CAST(shadow_hits, 'Array(String)'))) AS all_hits
          FROM features
          WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND decided_at < whole AND ({tenant:String} = '' OR tenant = {tenant:String})
            AND (rule != '' OR notEmpty(hits) OR notEmpty(shadow_hits)))
    ARRAY JOIN all_hits AS hit
    GROUP BY rule, tried, action
)
GROUP BY rule, tried_only
ORDER BY decisions DESC, rule, tried_only
