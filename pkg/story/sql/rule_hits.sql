-- How often each rule of the policy applied, the rules that are only tried beside them.
SELECT rule_name AS rule, tried AS tried_only, count() AS decisions, uniq(tenant, user_id) AS users, uniq(tenant, session_id) AS sessions,
       countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies, round(avg(risk), 2) AS mean_risk, max(decided_at) AS last
FROM (SELECT tenant, user_id, session_id, action, risk, decided_at, shadow_hits,
             arrayDistinct(arrayFilter(r -> r != '', arrayPushBack(CAST(hits, 'Array(String)'), toString(f.rule)))) AS applied
      FROM features AS f
      WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
        AND (f.rule != '' OR notEmpty(hits) OR notEmpty(shadow_hits)))
ARRAY JOIN arrayConcat(applied, CAST(shadow_hits, 'Array(String)')) AS rule_name,
           arrayConcat(arrayMap(r -> false, applied), arrayMap(r -> true, shadow_hits)) AS tried
GROUP BY rule, tried_only
ORDER BY decisions DESC, rule, tried_only
