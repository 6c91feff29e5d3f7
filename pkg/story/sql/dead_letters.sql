-- Messages that could not be used, the newest first. Empty filters do not filter.
SELECT decided_at, received_at, reason, detail, tenant, event_id, source, user_id, ts, substring(raw, 1, 2048) AS raw_head, length(raw) AS raw_bytes,
       input, partition, seq, idx
FROM dead_letters
WHERE decided_at >= {since:DateTime64(3, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND ({reason:String} = '' OR reason = {reason:String})
ORDER BY decided_at DESC, partition DESC, seq DESC, idx DESC
LIMIT {limit:UInt32}
