-- Decisions and step-ups per step of riskd's own clock, quiet steps included.
SELECT toDateTime(toStartOfInterval(decided_at, toIntervalSecond({step:UInt32})), 'UTC') AS t,
       count() AS decisions, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies
FROM features
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY t
ORDER BY t WITH FILL FROM toDateTime(toStartOfInterval({since:DateTime64(3, 'UTC')}, toIntervalSecond({step:UInt32})), 'UTC')
                     TO toDateTime({until:DateTime64(3, 'UTC')}, 'UTC') STEP toIntervalSecond({step:UInt32})
