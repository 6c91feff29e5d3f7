-- What spoke against sessions, by kind of evidence, and what was decided then. Event time, in whole hours.
SELECT code, sum(n) AS hits, sumIf(n, action = 'step_up') AS step_ups, sumIf(n, action = 'deny') AS denies,
       round(sum(nats_sum) / sum(n), 3) AS mean_nats, max(nats_max) AS strongest
FROM part_hour
WHERE t >= toStartOfHour({since:DateTime64(3, 'UTC')}) AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY code
ORDER BY hits DESC, code
