-- What an event needs to be rebuilt byte for byte, as the app sent it and as riskd enriched it: a backtest from
-- ClickHouse gives what one from the journal gives. Places get the precision of the GeoIP data; given says which values
-- the app sent itself; rest holds the whole event in the rare case that the columns do not tell all.
-- Rows from before this have given = 0 and cannot be rebuilt. pkg/clickhouse/eventrow reads and writes all this.
--
-- Example: how many events can be rebuilt, how many from their columns alone?
--   SELECT toDate(decided_at) AS day, count() AS events, countIf(bitTest(given, 0)) AS exact, countIf(bitTest(given, 0) AND rest = '') AS by_columns
--   FROM events WHERE decided_at > now() - INTERVAL 7 DAY GROUP BY day ORDER BY day
ALTER TABLE events{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS given UInt32 COMMENT 'Bits: 0 the row is exact; others say how the app sent what columns hold (eventrow.Given)' CODEC(T64, ZSTD(1)) AFTER device_users,
    ADD COLUMN IF NOT EXISTS rest String COMMENT 'The event and its enrichment as protobuf where the columns do not tell all; mostly empty' CODEC(ZSTD(3)) AFTER given,
    MODIFY COLUMN lat Float64 COMMENT 'Latitude, degrees' CODEC(ZSTD(1)),
    MODIFY COLUMN lon Float64 COMMENT 'Longitude, degrees' CODEC(ZSTD(1)),
    MODIFY COLUMN accuracy_km Float64 COMMENT 'Radius that holds the device with 67 % confidence, km; 0 is unknown' CODEC(ZSTD(1));
{{if .Local}}
ALTER TABLE events{{.OnCluster}} ADD COLUMN IF NOT EXISTS given UInt32 COMMENT 'Bits: 0 the row is exact; others say how the app sent what columns hold (eventrow.Given)' AFTER device_users,
    ADD COLUMN IF NOT EXISTS rest String COMMENT 'The event and its enrichment as protobuf where the columns do not tell all; mostly empty' AFTER given,
    MODIFY COLUMN lat Float64 COMMENT 'Latitude, degrees',
    MODIFY COLUMN lon Float64 COMMENT 'Longitude, degrees',
    MODIFY COLUMN accuracy_km Float64 COMMENT 'Radius that holds the device with 67 % confidence, km; 0 is unknown';
{{end}}
