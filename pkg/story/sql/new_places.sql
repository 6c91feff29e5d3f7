-- Users who came from where they were never seen before, as riskd judged it then, the newest first.
-- new is country, asn, prefix or address; an empty parameter takes all of them.
SELECT ts AS at, tenant, user_id AS user, session_id AS session, event_id AS event,
       JSONExtractString(parts.detail[indexOf(parts.code, 'new_network')], 'new') AS new,
       country, city, as_org, ip, risk, action
FROM features
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND has(parts.code, 'new_network') AND ({new:String} = '' OR new = {new:String})
ORDER BY decided_at DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
