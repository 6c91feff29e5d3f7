// ClickHouse's own JavaScript client against the embedded engine.
// RISKD_TEST_DSN names it: http://user:password@host:port/database
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { ClickHouseError, createClient } from '@clickhouse/client'

const dsn = new URL(process.env.RISKD_TEST_DSN)
const options = {
  url: `${dsn.protocol}//${dsn.host}`,
  username: dsn.username,
  password: dsn.password,
  database: dsn.pathname.slice(1),
}
const client = createClient(options)
const rows = async (query, more = {}) => (await client.query({ query, format: 'JSONEachRow', ...more })).json()

before(() => client.command({ query: 'CREATE OR REPLACE TABLE npm (n UInt32, s String, m Map(String, String)) ENGINE = MergeTree ORDER BY n' }))
after(() => client.close())

test('ping with and without a query', async () => {
  assert.equal((await client.ping()).success, true)
  assert.equal((await client.ping({ select: true })).success, true)
})

test('a wrong password is told', async () => {
  const stranger = createClient({ ...options, password: 'guess' })
  const answer = await stranger.ping({ select: true })
  assert.equal(answer.success, false)
  assert.equal(answer.error.code, '516')
  await stranger.close()
})

test('rows inserted as JSON come back', async () => {
  const values = [{ n: 1, s: "it's", m: { a: 'b' } }, { n: 2, s: 'tab\tand\nline', m: {} }]
  const inserted = await client.insert({ table: 'npm', values, format: 'JSONEachRow' })
  assert.equal(inserted.summary.written_rows, '2')
  assert.deepEqual(await rows('SELECT * FROM npm ORDER BY n'), values)
})

test('a stream of rows is inserted, with and without compression', async () => {
  for (const request of [false, true]) {
    const packed = createClient({ ...options, compression: { request, response: request } })
    await packed.insert({
      table: 'npm',
      values: Readable.from((function* () { for (let n = 0; n < 20000; n++) yield { n: 100 + n, s: 'stream' } })()),
      format: 'JSONEachRow',
    })
    const answer = await packed.query({ query: "SELECT count() AS n FROM npm WHERE s = 'stream'", format: 'JSON' })
    assert.equal(Number((await answer.json()).data[0].n), request ? 40000 : 20000)
    await packed.close()
  }
})

test('parameters are bound', async () => {
  const answer = await rows('SELECT {s:String} AS s, {n:UInt8} AS n, {list:Array(String)} AS list, {when:DateTime64(3, \'UTC\')} AS at', {
    query_params: { s: "'; DROP TABLE npm; -- \t\\", n: 7, list: ["a'b", 'c'], when: new Date('2026-11-23T12:34:56.789Z') },
  })
  assert.deepEqual(answer, [{ s: "'; DROP TABLE npm; -- \t\\", n: 7, list: ["a'b", 'c'], at: '2026-11-23 12:34:56.789' }])
})

test('settings apply to one query', async () => {
  const [given] = await rows("SELECT getSetting('max_block_size')::String AS v", { clickhouse_settings: { max_block_size: '321' } })
  const [next] = await rows("SELECT getSetting('max_block_size')::String AS v")
  assert.equal(given.v, '321')
  assert.notEqual(next.v, '321')
})

test('a large result is streamed', async () => {
  const answer = await client.query({ query: 'SELECT number AS n FROM numbers(1000000)', format: 'JSONEachRow' })
  let count = 0
  for await (const batch of answer.stream()) count += batch.length
  assert.equal(count, 1_000_000)
})

test('a large result is one JSON document', async () => {
  const answer = await client.query({ query: 'SELECT number AS n FROM numbers(150000)', format: 'JSON' })
  assert.equal((await answer.json()).rows, 150_000)
})

test('errors are typed', async () => {
  await assert.rejects(rows('SELECT * FROM no_such_table'), (error) => {
    assert.ok(error instanceof ClickHouseError)
    assert.equal(error.code, '60')
    assert.equal(error.type, 'UNKNOWN_TABLE')
    return true
  })
})

test('a session keeps its temporary table', async () => {
  const session = createClient({ ...options, session_id: 'npm-session' })
  await session.command({ query: 'CREATE TEMPORARY TABLE t (n UInt8)' })
  await session.insert({ table: 't', values: [{ n: 5 }], format: 'JSONEachRow' })
  const answer = await session.query({ query: 'SELECT n FROM t', format: 'JSONEachRow' })
  assert.deepEqual(await answer.json(), [{ n: 5 }])
  await session.close()
})

test('an aborted query stops', async () => {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 200)
  await assert.rejects(rows("SELECT count() FROM system.numbers_mt WHERE sipHash64(number, 'npm abort') = 1", { abort_signal: abort.signal }))
  for (let i = 0; i < 100; i++) {
    const [left] = await rows("SELECT count() AS n FROM system.processes WHERE position(query, 'npm abort') > 0 AND position(query, 'processes') = 0")
    if (Number(left.n) === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail('the query runs on')
})

test('the query id is kept', async () => {
  const answer = await client.query({ query: 'SELECT 1', query_id: 'npm-id', format: 'CSV' })
  assert.equal(answer.query_id, 'npm-id')
  assert.equal(await answer.text(), '1\n')
})
