-- How long it takes from an event reaching the broker to its flag being committed (milliseconds), and from the flag to
-- an app showing it and the user answering it (seconds of event time). NaN where there was none.
SELECT count() AS flags, round(quantileTDigestIf(0.5)(latency_ms, latency_ms > 0), 1) AS flag_p50_ms, round(quantileTDigestIf(0.95)(latency_ms, latency_ms > 0), 1) AS flag_p95_ms,
       round(quantileTDigestIf(0.99)(latency_ms, latency_ms > 0), 1) AS flag_p99_ms,
       round(quantileTDigestIf(0.5)(shown_s, shown > 0), 1) AS shown_p50_s, round(quantileTDigestIf(0.95)(shown_s, shown > 0), 1) AS shown_p95_s,
       round(quantileTDigestIf(0.5)(answered_s, answered > 0), 1) AS answered_p50_s, round(quantileTDigestIf(0.95)(answered_s, answered > 0), 1) AS answered_p95_s
FROM (SELECT s.latency_ms AS latency_ms, e.shown AS shown, e.answered AS answered,
             dateDiff('millisecond', s.issued_at, e.shown_at) / 1000 AS shown_s, dateDiff('millisecond', s.issued_at, e.answered_at) / 1000 AS answered_s
      FROM (SELECT tenant, challenge_id, issued_at, latency_ms FROM signals
            WHERE revision <= 1 AND decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})) AS s
      LEFT JOIN (SELECT tenant, challenge_id, countIf(result = 'shown') AS shown, minIf(ts, result = 'shown') AS shown_at,
                        countIf(kind = 'completed') AS answered, minIf(ts, kind = 'completed') AS answered_at
                 FROM enforcement
                 WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
                 GROUP BY tenant, challenge_id) AS e ON e.tenant = s.tenant AND e.challenge_id = s.challenge_id)
