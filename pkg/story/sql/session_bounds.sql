-- Whose a session is, and from when to when: what is asked before its rows are looked for, if several questions look for them.
SELECT groupUniqArray(user_id) AS users, min(first) AS first_event, max(last) AS last_event
FROM sessions
WHERE tenant = {tenant:String} AND session_id = {session:String}
HAVING notEmpty(users)
