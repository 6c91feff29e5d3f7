-- What is missing here because the journal was trimmed before the sink had persisted it, and who accepted
-- that. The sink stands still at such a gap until there is a row for it (riskctl accept-loss writes it), and then goes on
-- behind it.
--
-- Example: what is missing, and since when is that known?
--   SELECT partition, after + 1 AS from_seq, first - 1 AS to_seq, accepted_at, accepted_by FROM sink_losses ORDER BY accepted_at
CREATE TABLE IF NOT EXISTS sink_losses{{.Local}}{{.OnCluster}}
(
    sink        LowCardinality(String) COMMENT 'Name of the sink; one per shard',
    partition   UInt16                 COMMENT 'Input partition',
    after       UInt64                 COMMENT 'Last journal record that is persisted',
    first       UInt64                 COMMENT 'Oldest journal record that was left when this was accepted; all between are missing here',
    accepted_at DateTime64(3, 'UTC')   COMMENT 'When',
    accepted_by LowCardinality(String) COMMENT 'Who: account and host of the command'
)
ENGINE = {{.Engine "ReplacingMergeTree" "accepted_at"}}
ORDER BY (sink, partition, after)
SETTINGS {{.Dedup}}
COMMENT 'Journal records that were trimmed before they were persisted, accepted as lost';

{{.Distributed "sink_losses" "cityHash64(sink)"}}
