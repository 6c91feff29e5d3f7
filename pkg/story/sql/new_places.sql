-- Sessions that came from where their user was never seen before, as riskd judged it then, the newest first.
-- new is country, asn, prefix or address; an empty parameter takes all of them.
SELECT min(ts) AS at, tenant, user_id AS user, session_id AS session, argMin(event_id, ts) AS event,
       JSONExtractString(parts.detail[indexOf(parts.code, 'new_network')], 'new') AS new,
       country, city, as_org, ip, max(risk) AS worst
FROM features
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND event_type = 'dev.riskd.activity.v1' AND has(parts.code, 'new_network') AND ({new:String} = '' OR new = {new:String})
GROUP BY tenant, user, session, new, country, city, as_org, ip
ORDER BY at DESC, session
LIMIT {limit:UInt32}
