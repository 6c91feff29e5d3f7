-- Whose a session is, from when to when, and what it certainly has none of (bits: 1 late events, 2 receipts or step-up
-- results, 4 signals; 0 is not known): what is asked before its rows are looked for, if several questions look for them.
SELECT groupUniqArray(user_id) AS users, min(first) AS first_event, max(last) AS last_event, groupBitAnd(lacks) AS lacks
FROM sessions
WHERE tenant = {tenant:String} AND session_id = {session:String}
HAVING notEmpty(users)
