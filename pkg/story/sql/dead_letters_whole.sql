-- Dead letters by their place in the journal (partition.record.entry), with the bytes as they came.
SELECT concat(toString(partition), '.', toString(seq), '.', toString(idx)) AS key, reason, raw
FROM dead_letters
WHERE decided_at >= {since:DateTime64(3, 'UTC')} AND concat(toString(partition), '.', toString(seq), '.', toString(idx)) IN {keys:Array(String)}
ORDER BY partition, seq, idx
LIMIT {limit:UInt32}
