-- Profiles as analysts need them: what is usual for a user, from the user's own events as far back as they are kept. It is a
-- view over events, which lie in the order of users: ask for one user and little is read; without a user it reads all.
-- The scorer's own profile is smaller, forgets by half-lives and is not stored here; every decision tells what it used of it.
--
-- Example: what is usual for a user?
--   SELECT * FROM profiles WHERE tenant = 'acme' AND user_id = 'ada'
CREATE VIEW IF NOT EXISTS profiles{{.OnCluster}}
(
    tenant     LowCardinality(String) COMMENT 'Tenant',
    user_id    String                 COMMENT 'User',
    kind       LowCardinality(String) COMMENT 'person, service or agent',
    first      DateTime64(3, 'UTC')   COMMENT 'First event that is kept',
    last       DateTime64(3, 'UTC')   COMMENT 'Last event',
    events     UInt64                 COMMENT 'Events, without reports of apps',
    days       UInt64                 COMMENT 'Days with any of them, UTC',
    sessions   UInt64                 COMMENT 'Sessions',
    logins     UInt64                 COMMENT 'Successful logins',
    failures   UInt64                 COMMENT 'Failed logins',
    countries  Map(String, UInt64)    COMMENT 'Events by country',
    cities     Map(String, UInt64)    COMMENT 'Events by city',
    networks   Map(String, UInt64)    COMMENT 'Events by organisation of the network',
    devices    Map(String, UInt64)    COMMENT 'Events by device token',
    agents     Map(String, UInt64)    COMMENT 'Events by browser and operating system',
    hours      Map(UInt8, UInt64)     COMMENT 'Events by hour of the day, UTC',
    actions    Map(String, UInt64)    COMMENT 'Events by what was done',
    asked      UInt64                 COMMENT 'Step-ups that apps reported as shown',
    proven     UInt64                 COMMENT 'Step-ups that were passed'
)
AS SELECT tenant, user_id, any(user_kind) AS kind, min(ts) AS first, max(ts) AS last,
       countIf(activity) AS events, uniqExactIf(toDate(ts), activity) AS days, uniqExactIf(session_id, activity) AS sessions,
       countIf(activity AND action = 'auth.login' AND outcome = 'success') AS logins, countIf(activity AND action = 'auth.login' AND outcome = 'failure') AS failures,
       sumMapIf(map(toString(country), toUInt64(1)), activity AND country != '') AS countries, sumMapIf(map(toString(city), toUInt64(1)), activity AND city != '') AS cities,
       sumMapIf(map(toString(as_org), toUInt64(1)), activity AND as_org != '') AS networks, sumMapIf(map(device_id, toUInt64(1)), activity AND device_id != '') AS devices,
       sumMapIf(map(concat(browser, ' on ', os), toUInt64(1)), activity AND browser != '') AS agents, sumMapIf(map(toHour(ts), toUInt64(1)), activity) AS hours,
       sumMapIf(map(toString(action), toUInt64(1)), activity) AS actions,
       countIf(result = 'shown') AS asked, countIf(type = 'dev.riskd.stepup.completed.v1') AS proven
FROM (SELECT *, type = 'dev.riskd.activity.v1' AS activity FROM events)
GROUP BY tenant, user_id
COMMENT 'What is usual for each user; a view over events';
