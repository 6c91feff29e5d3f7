-- What people did, each in their own order, for baselines: nothing that failed, and no session that was denied or
-- never answered its challenge.
SELECT tenant, user_id, device_id, action, ts, country, located, lon, asn, device_class, os, browser
FROM events FINAL
WHERE status = 'scored' AND type = 'dev.riskd.activity.v1' AND outcome = 'success' AND user_kind IN ('person', '')
  AND ts >= {since:DateTime64(3, 'UTC')}
  AND (tenant, session_id) NOT IN (SELECT tenant, session_id FROM signals WHERE state IN ('denied', 'expired'))
ORDER BY tenant, user_id, ts
