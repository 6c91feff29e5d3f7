(SELECT (min(first), max(last), groupUniqArray(user_id)) FROM sessions WHERE tenant = {tenant:String} AND session_id = {session:String})
