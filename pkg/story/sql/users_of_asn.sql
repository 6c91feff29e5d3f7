-- Who was seen with a provider's network since a moment of event time, the riskiest first.
SELECT tenant, user_id AS user, count() AS decisions, uniq(session_id) AS sessions, uniqIf(device_id, device_id != '') AS devices, uniqIf(ip, ip != toIPv6('::')) AS addresses,
       max(risk) AS worst, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies, countIf(outcome = 'failure') AS failures,
       min(ts) AS first, max(ts) AS last, argMax(session_id, ts) AS last_session
FROM features
WHERE asn = {asn:UInt32} AND ts >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY tenant, user_id
ORDER BY worst DESC, decisions DESC, user
LIMIT {limit:UInt32}
