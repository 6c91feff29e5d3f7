-- Where a user's events came from, the most usual place first.
SELECT country, city, any(lat) AS lat, any(lon) AS lon, any(located) AS located, round(avgIf(accuracy_km, accuracy_km > 0), 1) AS radius_km,
       count() AS events, uniqExact(session_id) AS sessions, min(ts) AS first, max(ts) AS last, arraySort(groupUniqArrayIf(5)(toString(as_org), as_org != '')) AS networks
FROM events
WHERE tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
GROUP BY country, city
ORDER BY events DESC, last DESC
LIMIT {limit:UInt32}
