-- How often each rule that only notifies spoke since a moment of event time, and about how many users; the most frequent first.
SELECT rule, uniqExact(tenant, notice_id) AS notices, uniq(tenant, user_id) AS users, max(ts) AS last
FROM notices
WHERE ts >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String}) AND ({user:String} = '' OR user_id = {user:String})
GROUP BY rule
ORDER BY notices DESC, rule
LIMIT {limit:UInt32}
