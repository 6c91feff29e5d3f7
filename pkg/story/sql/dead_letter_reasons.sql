-- How many messages could not be used, by reason.
SELECT reason, count() AS messages, max(decided_at) AS last, argMax(detail, decided_at) AS example
FROM dead_letters
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY reason
ORDER BY messages DESC, reason
