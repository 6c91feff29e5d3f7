-- Decisions per step of event time, by what was decided. Steps are multiples of five minutes.
SELECT toDateTime(toStartOfInterval(t, toIntervalSecond({step:UInt32})), 'UTC') AS at, sum(n) AS decisions, sumIf(n, action = 'step_up') AS step_ups,
       sumIf(n, action = 'deny') AS denies, sumIf(n, level = 'high') AS high, round(sum(risk_sum) / sum(n), 3) AS mean_risk, max(risk_max) AS worst
FROM activity_5m
WHERE t >= {since:DateTime64(3, 'UTC')} AND t < {until:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY at
ORDER BY at
