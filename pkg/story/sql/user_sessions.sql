-- A user's sessions, the last one first.
SELECT session_id, min(ts) AS first, max(ts) AS last, count() AS decisions, max(risk) AS worst, argMax(level, risk) AS worst_level,
       argMax(session_state, (ts, seq, idx)) AS state, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies,
       arraySort(groupUniqArrayIf(20)(toString(country), country != '')) AS countries, uniqExactIf(ip, ip != toIPv6('::')) AS addresses,
       argMax(browser, ts) AS browser, argMax(os, ts) AS os, argMax(city, ts) AS city
FROM features
WHERE {{template "_user"}}
GROUP BY session_id
ORDER BY last DESC
LIMIT {limit:UInt32}
