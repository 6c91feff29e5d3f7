-- Does the risk keep its word? What it said, against what turned out: of the sessions and events about which that is known, how many were attacks.
WITH labels AS (SELECT tenant, user_id, feedback_event_id, verdict, ts FROM feedback
                WHERE feedback_event_id != '' AND verdict IN ('attack', 'legitimate')
                  AND decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String}))
SELECT toUInt8(least(floor(risk / 10), 9) * 10) AS risk_from, count() AS known, countIf(attack) AS attacks, round(avg(risk), 2) AS said,
       round(100 * countIf(attack) / count(), 2) AS was, countIf(how = 'challenge') AS by_challenge, countIf(how = 'label') AS by_label
FROM
(
    -- A challenge that was passed was the owner's, one that ended in a denial was not. Nobody knows about those without an answer.
    SELECT argMin(s.risk, revision) AS risk, argMax(state, revision) = 'denied' AS attack, 'challenge' AS how
    FROM signals AS s
    WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
    GROUP BY tenant, challenge_id
    HAVING argMax(state, revision) IN ('satisfied', 'denied') AND argMin(cause, revision) NOT LIKE 'feedback%'
    UNION ALL
    -- What people said of single events; their last word counts.
    SELECT any(f.risk) AS risk, any(e.attack) AS attack, 'label' AS how
    FROM (SELECT tenant, event_id, user_id, risk FROM features
          WHERE (tenant, event_id) IN (SELECT tenant, feedback_event_id FROM labels)
            AND (tenant, toStartOfHour(ts)) IN (SELECT tenant, hour FROM event_hours
                                                WHERE (tenant, h) IN (SELECT tenant, toUInt32(cityHash64(feedback_event_id)) FROM labels))) AS f
    INNER JOIN (SELECT tenant, user_id, feedback_event_id, argMax(verdict, ts) = 'attack' AS attack FROM labels GROUP BY tenant, user_id, feedback_event_id) AS e
            ON f.tenant = e.tenant AND f.user_id = e.user_id AND f.event_id = e.feedback_event_id
    GROUP BY e.tenant, e.user_id, e.feedback_event_id
)
GROUP BY risk_from
ORDER BY risk_from
