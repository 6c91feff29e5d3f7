-- Where a flag did not hold, the newest first: let_through (an access succeeded more than 2 seconds after its session was
-- blocked), fail_open and stale (the app says so itself), no_receipt (no app reported the flag within the given minutes).
SELECT kind, tenant, challenge_id AS challenge, user_id AS user, session_id AS session, at, event, what
FROM (
    SELECT 'let_through' AS kind, f.tenant AS tenant, f.challenge_id AS challenge_id, f.user_id AS user_id, f.session_id AS session_id, f.ts AS at,
           f.event_id AS event, toString(f.event_action) AS what
    FROM blocked AS f
    INNER JOIN (SELECT tenant, challenge_id, min(issued_at) AS asked FROM signals
                WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
                GROUP BY tenant, challenge_id) AS c ON c.tenant = f.tenant AND c.challenge_id = f.challenge_id
    WHERE f.decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR f.tenant = {tenant:String})
      AND f.session_state IN ('required', 'denied') AND f.action != 'allow' AND f.outcome = 'success'
      AND f.event_type = 'dev.riskd.activity.v1' AND f.event_action != 'auth.logout' AND f.ts > c.asked + INTERVAL 2 SECOND
    UNION ALL
    SELECT toString(result), tenant, challenge_id, user_id, session_id, ts, event_id, toString(route)
    FROM enforcement
    WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
      AND kind = 'receipt' AND result IN ('fail_open', 'stale')
    UNION ALL
    SELECT 'no_receipt', tenant, challenge_id, user_id, session_id, asked, event, toString(state)
    FROM (SELECT tenant, challenge_id, any(user_id) AS user_id, any(session_id) AS session_id, min(issued_at) AS asked,
                 argMin(event_id, revision) AS event, argMax(state, revision) AS state
          FROM signals
          WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
          GROUP BY tenant, challenge_id
          HAVING min(revision) <= 1) AS c
    LEFT JOIN (SELECT tenant, challenge_id, min(ts) AS seen FROM enforcement
               WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND kind = 'receipt' AND ({tenant:String} = '' OR tenant = {tenant:String})
               GROUP BY tenant, challenge_id) AS e USING (tenant, challenge_id)
    WHERE (toUnixTimestamp64Milli(seen) = 0 OR seen > asked + toIntervalMinute({minutes:UInt32}))
      AND asked < {until:DateTime64(3, 'UTC')} - toIntervalMinute({minutes:UInt32})
)
ORDER BY at DESC, kind, challenge
LIMIT {limit:UInt32}
