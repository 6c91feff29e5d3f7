-- What rules that only notify have said since a moment of event time, the newest first. Empty filters do not filter.
SELECT tenant, ts AS at, user_id AS user, session_id AS session, event_id AS event, action, resource_type, resource_id, rule, policy, risk, decision,
       reason_user, reason_analyst, notice_id AS notice
FROM notices
WHERE ts >= {since:DateTime64(3, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND ({user:String} = '' OR user_id = {user:String})
  AND ({rule:String} = '' OR rule = {rule:String})
ORDER BY ts DESC, notice_id
LIMIT 1 BY tenant, notice_id -- stored twice is one
LIMIT {limit:UInt32}
