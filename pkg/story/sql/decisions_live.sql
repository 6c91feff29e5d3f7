-- The latest decisions, newest first. Empty filters do not filter.
-- since bounds how far back riskd's own clock goes: ask for little first.
SELECT {{template "_decision"}}
FROM features
WHERE decided_at >= {since:DateTime64(3, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND ({user:String} = '' OR user_id = {user:String})
  AND ({action:String} = '' OR action = {action:String})
  AND ({level:String} = '' OR level = {level:String})
  AND ({country:String} = '' OR country = {country:String})
  AND ({kind:String} = '' OR event_action = {kind:String})
  AND risk >= {min_risk:Float64}
ORDER BY decided_at DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
