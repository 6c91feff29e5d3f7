-- What was decided since a moment of riskd's own clock. Whole days come from decided_day, whole hours before them from
-- decided_hour, the hour in which the moment lies (and all before the views were made) from features. Users and sessions are
-- estimates, about 1 % off.
WITH greatest(toStartOfHour({since:DateTime64(3, 'UTC')} + INTERVAL 3599999 MILLISECOND),
              (SELECT if(count() = 0, toDateTime('2100-01-01 00:00:00', 'UTC'), min(t) + INTERVAL 1 HOUR) FROM decided_hour)) AS whole,
     greatest(toDate({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND),
              (SELECT if(count() = 0, toDate('2100-01-01'), min(day) + 1) FROM decided_day)) AS days
SELECT sum(n) AS decisions, sum(step_ups) AS step_ups, sum(denies) AS denies, sum(medium) AS medium, sum(high) AS high,
       uniqCombined64Merge(13)(users) AS users, uniqCombined64Merge(13)(sessions) AS sessions,
       quantilesTDigestMerge(0.5, 0.95, 0.99)(latency) AS latency, max(last) AS last
FROM (
    SELECT n, step_ups, denies, medium, high, users, sessions, latency, last
    FROM decided_day
    WHERE day >= days AND ({tenant:String} = '' OR tenant = {tenant:String})
    UNION ALL
    SELECT n, step_ups, denies, medium, high, users, sessions, latency, last
    FROM decided_hour
    WHERE t >= whole AND t < toDateTime(days, 'UTC') AND ({tenant:String} = '' OR tenant = {tenant:String})
    UNION ALL
    SELECT count(), countIf(action = 'step_up'), countIf(action = 'deny'), countIf(level = 'medium'), countIf(level = 'high'),
           uniqCombined64State(13)(cityHash64(tenant, user_id)), uniqCombined64State(13)(cityHash64(tenant, session_id)),
           quantilesTDigestState(0.5, 0.95, 0.99)(latency_ms), max(decided_at)
    FROM features
    WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND decided_at < whole AND ({tenant:String} = '' OR tenant = {tenant:String})
)
