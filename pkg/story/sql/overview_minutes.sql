-- Decisions and step-ups per step of riskd's own clock, quiet steps included.
SELECT toStartOfInterval(decided_at, toIntervalSecond({step:UInt32})) AS t,
       count() AS decisions, countIf(action = 'step_up') AS step_ups, countIf(action = 'deny') AS denies
FROM features
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY t
ORDER BY t WITH FILL FROM toStartOfInterval({since:DateTime64(3, 'UTC')}, toIntervalSecond({step:UInt32}))
                     TO {until:DateTime64(3, 'UTC')} STEP toIntervalSecond({step:UInt32})
