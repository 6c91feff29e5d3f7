-- Who was seen with a provider's network since the day of a moment of event time, the riskiest first. Days come from asn_day,
-- and what was decided before that was made from features. The worst are found first: a provider has everybody's sessions.
WITH (SELECT if(count() = 0, toDate('2100-01-01'), min(day) + 1) FROM asn_day) AS whole,
     toDate({since:DateTime64(3, 'UTC')}) AS from_day,
     seen_users AS (
         SELECT tenant, user_id, n, step_ups, denies, failures, worst, first, last, session, sessions, devices, ips
         FROM asn_day
         WHERE asn = {asn:UInt32} AND seen >= from_day AND day >= whole AND ({tenant:String} = '' OR tenant = {tenant:String})
         UNION ALL
         SELECT tenant, user_id, count(), countIf(action = 'step_up'), countIf(action = 'deny'), countIf(outcome = 'failure'), max(risk), min(ts), max(ts),
                argMaxState(session_id, ts), groupUniqArray(toUInt32(cityHash64(session_id))),
                groupUniqArrayIf(toUInt32(cityHash64(device_id)), device_id != ''), groupUniqArrayIf(toUInt32(cityHash64(ip)), ip != toIPv6('::'))
         FROM features
         WHERE asn = {asn:UInt32} AND asn != 0 AND ts >= toDateTime64(from_day, 3, 'UTC') AND decided_at < toDateTime64(whole, 3, 'UTC')
           AND ({tenant:String} = '' OR tenant = {tenant:String})
         GROUP BY tenant, user_id)
SELECT tenant, user_id AS user, sum(n) AS decisions, length(groupUniqArrayArray(sessions)) AS sessions, length(groupUniqArrayArray(devices)) AS devices,
       length(groupUniqArrayArray(ips)) AS addresses, max(worst) AS worst, sum(step_ups) AS step_ups, sum(denies) AS denies, sum(failures) AS failures,
       min(first) AS first, max(last) AS last, argMaxMerge(session) AS last_session
FROM seen_users
WHERE (tenant, user_id) IN (SELECT tenant, user_id FROM seen_users GROUP BY tenant, user_id
                            ORDER BY max(worst) DESC, sum(n) DESC, user_id LIMIT {limit:UInt32})
GROUP BY tenant, user_id
ORDER BY worst DESC, decisions DESC, user
LIMIT {limit:UInt32}
