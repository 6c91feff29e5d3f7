-- A session in one line: whose it is, from when to when, how it stands.
SELECT any(user_id) AS user, min(ts) AS first, max(ts) AS last, count() AS decisions, max(risk) AS worst, argMax(level, risk) AS worst_level,
       argMax(session_state, (ts, seq, idx)) AS state, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies,
       arraySort(groupUniqArrayIf(20)(toString(country), country != '')) AS countries, uniqExactIf(ip, ip != toIPv6('::')) AS addresses
FROM features
WHERE {{template "_session"}}
HAVING decisions > 0
