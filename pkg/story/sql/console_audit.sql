-- Who looked at what in the console, newest first. Empty filters do not filter.
SELECT at, actor, role, action, tenant, user_id, subject, detail, address
FROM console_audit FINAL
WHERE at >= {since:DateTime64(3, 'UTC')}
  AND ({actor:String} = '' OR actor = {actor:String})
  AND ({user:String} = '' OR user_id = {user:String})
  AND ({tenant:String} = '' OR tenant = {tenant:String})
ORDER BY at DESC, id
LIMIT {limit:UInt32}
