-- Every revision of a session's challenges, oldest first.
SELECT tenant, challenge_id, revision, state, ts, decided_at, user_id, session_id, event_id, cause, risk, level, reasons,
       acr_values, amr_values, max_age_s, issued_at, expires_at, on_expiry, policy, policy_version, rule, reason_user, partition, seq, idx
FROM signals
WHERE {{template "_session"}}
ORDER BY ts, challenge_id, revision
LIMIT {limit:UInt32}
