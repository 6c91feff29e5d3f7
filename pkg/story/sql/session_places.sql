-- Where a session's events came from, in the order in which it was first there.
SELECT country, city, any(lat) AS lat, any(lon) AS lon, any(located) AS located, round(avgIf(accuracy_km, accuracy_km > 0), 1) AS radius_km,
       count() AS events, toUInt64(1) AS sessions, min(ts) AS first, max(ts) AS last, arraySort(groupUniqArrayIf(5)(toString(as_org), as_org != '')) AS networks
FROM events
WHERE {{template "_session"}}
GROUP BY country, city
ORDER BY first, country, city
LIMIT {limit:UInt32}
