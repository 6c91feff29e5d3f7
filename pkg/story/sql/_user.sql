tenant = {tenant:String} AND user_id = {user:String} AND ts >= {since:DateTime64(3, 'UTC')}
  AND toStartOfHour(ts) IN (SELECT hour FROM user_hours
                            WHERE tenant = {tenant:String} AND user_id = {user:String} AND hour >= toStartOfHour({since:DateTime64(3, 'UTC')}))
