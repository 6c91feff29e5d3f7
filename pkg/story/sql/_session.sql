tenant = {tenant:String} AND session_id = {session:String}
  AND user_id IN (SELECT user_id FROM sessions WHERE tenant = {tenant:String} AND session_id = {session:String})
  AND ts >= (SELECT min(first) FROM sessions WHERE tenant = {tenant:String} AND session_id = {session:String})
  AND ts <= (SELECT max(last) FROM sessions WHERE tenant = {tenant:String} AND session_id = {session:String})
