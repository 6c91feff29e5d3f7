-- Sessions that came from where their user was never seen before, as riskd judged it then, the newest first.
-- new is country, asn, prefix or address; an empty parameter takes all of them.
SELECT min(first) AS at, tenant, user_id AS user, session_id AS session, argMinMerge(event) AS event, new, country, city, as_org, ip, max(risk_max) AS worst
FROM new_places
WHERE hour >= toStartOfHour({since:DateTime64(3, 'UTC')}) AND ({tenant:String} = '' OR tenant = {tenant:String}) AND ({new:String} = '' OR new = {new:String})
GROUP BY tenant, user, session, new, country, city, as_org, ip
HAVING max(decided_at) >= {since:DateTime64(3, 'UTC')}
ORDER BY at DESC, session
LIMIT {limit:UInt32}
