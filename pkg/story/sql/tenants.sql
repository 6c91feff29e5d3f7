-- Tenants with decisions, the busiest first.
SELECT tenant, sum(n) AS decisions
FROM activity_5m
GROUP BY tenant
ORDER BY decisions DESC, tenant
LIMIT {limit:UInt32}
