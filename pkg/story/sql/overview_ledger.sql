-- What became of all input, over all tenants, since a moment of riskd's own clock.
SELECT sum(scored) AS scored, sum(duplicate) AS duplicate, sum(late) AS late, sum(dead) AS dead, max(decided_at) AS last
FROM ledger
WHERE decided_at >= {since:DateTime64(3, 'UTC')}
