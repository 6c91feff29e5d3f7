-- What apps did with flags since a moment of riskd's own clock.
SELECT kind, result, count() AS n
FROM enforcement
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY kind, result
ORDER BY kind, result
