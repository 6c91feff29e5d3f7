-- What was done with policies: every version that was stored, with its text, who approved it, when it judged and who rolled it
-- back, and why. The log is a hash chain: prev is the SHA-256 of the change before it.
--
-- Example: which policies judged in a period, who wrote and who approved each, and how many decisions they made?
--   SELECT policy, min(f.ts) AS from, max(f.ts) AS until, count() AS decisions, any(p.author) AS author, any(a.author) AS approver, any(p.reason) AS why
--   FROM features AS f
--   LEFT JOIN (SELECT version, author, reason FROM policy_changes FINAL WHERE kind = 'pushed') AS p ON p.version = f.policy
--   LEFT JOIN (SELECT version, author FROM policy_changes FINAL WHERE kind = 'approved') AS a ON a.version = f.policy
--   WHERE f.ts > now() - INTERVAL 90 DAY GROUP BY policy ORDER BY from
CREATE TABLE IF NOT EXISTS policy_changes{{.Local}}{{.OnCluster}}
(
    n        UInt64                 COMMENT 'Number of the change; that of a change to what is in force is a revision (ledger.policies)',
    at       DateTime64(3, 'UTC')   COMMENT 'When it was made',
    kind     LowCardinality(String) COMMENT 'pushed, approved, activated, rolled_back, two_person_on or two_person_off',
    tenant   LowCardinality(String) COMMENT 'Tenant the policy is for; empty: all without one of their own',
    version  String                 COMMENT 'Policy, name@version; empty after a roll-back to what riskd was started with',
    share    Float64                COMMENT 'Activated: share of the users it judges, percent',
    previous String                 COMMENT 'Activated and rolled back: the version that was in force',
    author   String                 COMMENT 'Who did it, as the tool that did it says',
    reason   String                 COMMENT 'Why, in his own words',
    evidence String                 COMMENT 'What was known of the version: tests, a backtest',
    digest   String                 COMMENT 'Pushed: SHA-256 of the text, hex',
    text     String                 COMMENT 'Pushed: the policy as it was stored' CODEC(ZSTD(3)),
    hash     String                 COMMENT 'SHA-256 of this change as stored, hex',
    prev     String                 COMMENT 'Hash of the change before it; empty in the first'
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
ORDER BY n
SETTINGS {{.Dedup}}
COMMENT 'Every change of policies: versions, approvals, activations, roll-backs; kept for good';

{{.Distributed "policy_changes" "n"}}
