// node-postgres with the package pgvector (test/clients/README.md): text throughout, bound parameters, named statements.
import pg from 'pg';
import pgvector from 'pgvector/pg';
import { SparseVector } from 'pgvector';

const ROWS = 1000, DIMENSIONS = 32, QUERIES = 5, LIMIT = 10, TENANTS = 7;

const l2 = (a, b) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0));
const inner = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const l1 = (a, b) => a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0);
const cosine = (a, b) => 1 - inner(a, b) / Math.sqrt(inner(a, a) * inner(b, b));
const hamming = (a, b) => [...a].filter((x, i) => x !== b[i]).length;

// value: of a vector and a row's id; toSql, fromSql: what the library takes and gives
const dense = { value: (values) => values, distance: l2, toSql: pgvector.toSql, fromSql: (value) => value, operator: '<->' };
const KINDS = [
  { ...dense, name: 'vector', opclass: 'vector_l2_ops' },
  { ...dense, name: 'halfvec', opclass: 'halfvec_l2_ops' },
  { ...dense, name: 'sparsevec', opclass: 'sparsevec_l2_ops', value: (values, id) => values.map((v, i) => (i % 4 === id % 4 ? v : 0)),
    toSql: (value) => pgvector.toSql(new SparseVector(value)), fromSql: (value) => value.toArray() },
  { ...dense, name: 'bit', opclass: 'bit_hamming_ops', operator: '<~>', distance: hamming, toSql: (value) => value,
    value: (values) => values.map((v) => (v > 0 ? '1' : '0')).join('') },
];

// the same vectors in every language
let state = 1;
const NUMBERS = Array.from({ length: ROWS + QUERIES }, () => Array.from({ length: DIMENSIONS }, () => {
  state = (state * 16807) % 2147483647;
  return ((state % 257) - 128) / 128;
}));
const rows = (kind) => kind.rows ??= NUMBERS.slice(0, ROWS).map((values, i) => ({ id: i + 1, tenant: (i + 1) % TENANTS, value: kind.value(values, i + 1) }));
const queries = (kind) => NUMBERS.slice(ROWS).map((values, id) => kind.value(values, id));

let tests = 0, failures = 0;
function ok(passed, name) {
  tests++;
  failures += !passed;
  console.log(`${passed ? 'ok' : 'not ok'} ${tests} - ${name}`);
}
const close = (a, b) => Math.abs(a - b) <= 1e-6 + 1e-5 * Math.abs(b);

// whether found are nearest rows; those of equal distance may change places
function isExact(kind, query, found, tenant) {
  const among = rows(kind).filter((row) => tenant === undefined || row.tenant === tenant);
  const distances = new Map(among.map((row) => [row.id, kind.distance(row.value, query)]));
  const wanted = [...distances.values()].sort((a, b) => a - b).slice(0, LIMIT);
  return found.length === wanted.length && new Set(found.map((row) => row.id)).size === found.length
    && found.every((row, i) => close(row.distance, wanted[i]) && distances.has(row.id) && close(distances.get(row.id), wanted[i]));
}

const db = new pg.Client();
await db.connect();
for (const extension of process.env.VECIDX_EXTENSIONS.split(' ')) {
  await db.query(`CREATE EXTENSION ${extension}`);
}
await pgvector.registerTypes(db);
await db.query('SET enable_seqscan = off');
await db.query('SET vecgraph.search_list_size = 200');

async function search(kind, query, tenant) {
  const where = tenant === undefined ? '' : 'WHERE tenant = $2';
  const found = await db.query({
    name: `search_${kind.name}_${where !== ''}`,
    text: `SELECT id, embedding ${kind.operator} $1 AS distance FROM items_${kind.name} ${where} ORDER BY distance LIMIT ${LIMIT}`,
    values: tenant === undefined ? [kind.toSql(query)] : [kind.toSql(query), tenant],
  });
  return found.rows;
}

for (const kind of KINDS) {
  const table = `items_${kind.name}`;
  await db.query(`CREATE TABLE ${table} (id int PRIMARY KEY, tenant int NOT NULL, embedding ${kind.name}(${DIMENSIONS}))`);
  for (const row of rows(kind)) {
    await db.query(`INSERT INTO ${table} VALUES ($1, $2, $3)`, [row.id, row.tenant, kind.toSql(row.value)]);
  }
  await db.query(`CREATE INDEX ${table}_index ON ${table} USING vecgraph (embedding ${kind.opclass}, tenant)`);
  await db.query(`ANALYZE ${table}`);
  const read = await db.query(`SELECT id, tenant, embedding FROM ${table} ORDER BY id`);
  const plain = read.rows.map((row) => ({ id: row.id, tenant: row.tenant, value: kind.fromSql(row.embedding) }));
  ok(JSON.stringify(plain) === JSON.stringify(rows(kind)), `${kind.name}: rows come back`);
  let right = true, rightWithFilter = true;
  for (const [tenant, query] of queries(kind).entries()) {
    right = right && isExact(kind, query, await search(kind, query));
    rightWithFilter = rightWithFilter && isExact(kind, query, await search(kind, query, tenant), tenant);
  }
  ok(right, `${kind.name}: search`);
  ok(rightWithFilter, `${kind.name}: search with a filter`);
  const plan = await db.query(`EXPLAIN SELECT id FROM ${table} WHERE tenant = 3 ORDER BY embedding ${kind.operator} $1 LIMIT ${LIMIT}`,
    [kind.toSql(queries(kind)[0])]);
  ok(plan.rows.some((line) => line['QUERY PLAN'].includes(`${table}_index`)), `${kind.name}: the index is used`);
}

const [a, b] = [rows(KINDS[0])[0].value, queries(KINDS[0])[0]];
const distances = await db.query({
  text: 'SELECT $1::vector <-> $2, $1::vector <#> $2, $1::vector <=> $2, $1::vector <+> $2',
  values: [pgvector.toSql(a), pgvector.toSql(b)], rowMode: 'array' });
ok([l2(a, b), -inner(a, b), cosine(a, b), l1(a, b)].every((want, i) => close(distances.rows[0][i], want)), 'the distances are as computed here');
const bytes = (array) => Buffer.from(array.buffer);
const packed = await db.query('SELECT count(*)::int AS same FROM vecidx_unpack($1, $2, $3) JOIN items_vector USING (id, embedding)', [
  bytes(BigInt64Array.from(rows(KINDS[0]), (row) => BigInt(row.id))), bytes(Float32Array.from(rows(KINDS[0]).flatMap((row) => row.value))), DIMENSIONS]);
ok(packed.rows[0].same === ROWS, 'packed rows are the same');
const error = await db.query(`INSERT INTO items_vector VALUES (-1, 0, $1)`, ['[1]']).then(() => null, (raised) => raised);
ok(error?.code === '22000' && error.message === `expected ${DIMENSIONS} dimensions, not 1`, 'a vector of other dimensions is refused');
await db.end();
console.log(`1..${tests}`);
process.exitCode = failures ? 1 : 0;
