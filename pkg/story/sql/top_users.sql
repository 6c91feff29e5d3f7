-- The users to look at first: anything but quiet since a day, the highest risk first.
SELECT tenant, user_id AS user, sum(n) AS decisions, sum(step_ups) AS asked, sum(denies) AS denied, max(risk_max) AS worst, max(last_ts) AS last,
       arraySort(arrayFilter(c -> c != '', groupUniqArrayArray(countries))) AS places
FROM user_day
WHERE day >= toDate({since:DateTime64(3, 'UTC')}) AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY tenant, user_id
ORDER BY worst DESC, decisions DESC, user
LIMIT {limit:UInt32}
