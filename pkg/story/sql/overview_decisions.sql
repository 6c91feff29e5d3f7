-- What was decided since a moment of riskd's own clock. Whole hours come from decided_hour, the hour in which the moment
-- lies (and all before the view was made) from features. Users and sessions are estimates, about 1 % off.
WITH greatest(toStartOfHour({since:DateTime64(3, 'UTC')} + INTERVAL 3599999 MILLISECOND),
              (SELECT if(count() = 0, toDateTime('2100-01-01 00:00:00', 'UTC'), min(t) + INTERVAL 1 HOUR) FROM decided_hour)) AS whole
SELECT sum(n) AS decisions, sum(step_ups) AS step_ups, sum(denies) AS denies, sum(medium) AS medium, sum(high) AS high,
       uniqCombined64Merge(13)(users) AS users, uniqCombined64Merge(13)(sessions) AS sessions,
       quantilesTDigestMerge(0.5, 0.95, 0.99)(latency) AS latency, max(last) AS last
FROM (
    SELECT n, step_ups, denies, medium, high, users, sessions, latency, last
    FROM decided_hour
    WHERE t >= whole AND ({tenant:String} = '' OR tenant = {tenant:String})
    UNION ALL
    SELECT count(), countIf(action = 'step_up'), countIf(action = 'deny'), countIf(level = 'medium'), countIf(level = 'high'),
           uniqCombined64State(13)(cityHash64(tenant, user_id)), uniqCombined64State(13)(cityHash64(tenant, session_id)),
           quantilesTDigestState(0.5, 0.95, 0.99)(latency_ms), max(decided_at)
    FROM features
    WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND decided_at < whole AND ({tenant:String} = '' OR tenant = {tenant:String})
)
