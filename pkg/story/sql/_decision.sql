tenant, event_id, source, event_type, event_action, outcome, ts, decided_at, latency_ms, user_id, session_id,
       risk, level, action, impossible_travel, new_device, deviation, parts.code, parts.nats, parts.detail, unknown,
       challenge_id, session_state, rule, policy, baseline, geo, engine,
       ip, country, city, asn, as_org, network_kind, device_id, browser, os, device_class, resource_type, resource_id, sensitivity,
       partition, seq, idx
