tenant = {tenant:String} AND session_id = {session:String}
  AND ts >= tupleElement({{template "_of_session"}}, 1) AND ts <= tupleElement({{template "_of_session"}}, 2) AND has(tupleElement({{template "_of_session"}}, 3), user_id)
