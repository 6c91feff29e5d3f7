-- How far each partition of the journal is in ClickHouse, and when its last record was decided and written there.
SELECT partition, max(seq) AS seq, max(decided_at) AS decided, max(saved_at) AS saved
FROM sink_positions
GROUP BY partition
ORDER BY partition
