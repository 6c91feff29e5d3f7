-- Decisions and step-ups per step of riskd's own clock, quiet steps included. Steps of whole five minutes come from
-- decided_5m but for their beginning, shorter ones from features.
WITH if({step:UInt32} % 300 = 0,
        greatest(toStartOfFiveMinutes({since:DateTime64(3, 'UTC')} + INTERVAL 299999 MILLISECOND),
                 (SELECT if(count() = 0, toDateTime('2100-01-01 00:00:00', 'UTC'), min(t) + INTERVAL 5 MINUTE) FROM decided_5m)),
        toDateTime('2100-01-01 00:00:00', 'UTC')) AS whole
SELECT toDateTime(toStartOfInterval(at, toIntervalSecond({step:UInt32})), 'UTC') AS t,
       sum(n) AS decisions, sum(asked) AS step_ups, sum(denied) AS denies
FROM (
    SELECT t AS at, n, step_ups AS asked, denies AS denied
    FROM decided_5m
    WHERE t >= whole AND ({tenant:String} = '' OR tenant = {tenant:String})
    UNION ALL
    SELECT toStartOfInterval(decided_at, toIntervalSecond({step:UInt32})) AS at, count(), countIf(action = 'step_up'), countIf(action = 'deny')
    FROM features
    WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND decided_at < whole AND ({tenant:String} = '' OR tenant = {tenant:String})
    GROUP BY at
)
GROUP BY t
ORDER BY t WITH FILL FROM toDateTime(toStartOfInterval({since:DateTime64(3, 'UTC')}, toIntervalSecond({step:UInt32})), 'UTC')
                     TO toDateTime({until:DateTime64(3, 'UTC')}, 'UTC') STEP toIntervalSecond({step:UInt32})
