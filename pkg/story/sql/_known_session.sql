tenant = {tenant:String} AND session_id = {session:String} AND ts >= {first:DateTime64(3, 'UTC')} AND ts <= {last:DateTime64(3, 'UTC')} AND user_id IN {users:Array(String)}
