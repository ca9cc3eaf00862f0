"""psycopg2, which knows text only; COPY as text."""
import io

import psycopg2
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.psycopg2 import register_vector

from common import DIMENSIONS, EXTENSIONS, KINDS, LIMIT, done, halves, is_exact, ok, queries, rows

WRAP = {'vector': Vector, 'halfvec': HalfVector, 'sparsevec': SparseVector, 'bit': lambda value: value}


def plain(value):
    return value if isinstance(value, str) else value.to_list()


def text(value):
    return value if isinstance(value, str) else value.to_text()


db = psycopg2.connect('')
db.autocommit = True
cursor = db.cursor()
for extension in EXTENSIONS:
    cursor.execute(f'CREATE EXTENSION {extension}')
register_vector(db)
cursor.execute('SET enable_seqscan = off')
cursor.execute('SET vecgraph.search_list_size = 200')


def search(kind, query, tenant=None):
    where = '' if tenant is None else f'WHERE tenant = {tenant}'
    cursor.execute(f'SELECT id, embedding {kind.operator} %s::{kind.type} FROM {kind.table} {where} ORDER BY 2 LIMIT {LIMIT}',
                   [WRAP[kind.name](query)])
    return cursor.fetchall()


for kind in KINDS:
    wrap = WRAP[kind.name]
    all_rows = rows(kind)
    inserted, copied = halves(all_rows)
    cursor.execute(f'CREATE TABLE {kind.table} (id int PRIMARY KEY, tenant int NOT NULL, embedding {kind.type})')
    for id, tenant, value in inserted:
        cursor.execute(f'INSERT INTO {kind.table} VALUES (%s, %s, %s)', [id, tenant, wrap(value)])
    cursor.copy_expert(f'COPY {kind.table} FROM STDIN',
                       io.StringIO(''.join(f'{id}\t{tenant}\t{text(wrap(value))}\n' for id, tenant, value in copied)))
    cursor.execute(f'CREATE INDEX {kind.table}_index ON {kind.table} USING vecgraph (embedding {kind.opclass}, tenant)')
    cursor.execute(f'SELECT id, tenant, embedding FROM {kind.table} ORDER BY id')
    ok([(id, tenant, plain(value)) for id, tenant, value in cursor.fetchall()] == all_rows, f'{kind.name}: rows come back')
    ok(all(is_exact(kind, all_rows, query, search(kind, query)) for query in queries(kind)), f'{kind.name}: search')
    ok(all(is_exact(kind, all_rows, query, search(kind, query, tenant), tenant) for tenant, query in enumerate(queries(kind))),
       f'{kind.name}: search with a filter')
    cursor.execute(f'EXPLAIN SELECT id FROM {kind.table} WHERE tenant = 3 ORDER BY embedding {kind.operator} %s::{kind.type} LIMIT {LIMIT}',
                   [wrap(queries(kind)[0])])
    ok(any(f'{kind.table}_index' in line for line, in cursor.fetchall()), f'{kind.name}: the index is used')

a, b = rows(KINDS[0])[0][2], queries(KINDS[0])[0]
cursor.execute('SELECT %s::vector[]', [[Vector(a), Vector(b)]])
ok([value.to_list() for value in cursor.fetchone()[0]] == [a, b], 'an array of vectors')
try:
    cursor.execute(f'INSERT INTO {KINDS[0].table} VALUES (-1, 0, %s)', [Vector(a[1:])])
    error = None
except psycopg2.DataError as raised:
    error = raised
ok(error is not None and f'expected {DIMENSIONS} dimensions, not {DIMENSIONS - 1}' in str(error), 'a vector of other dimensions is refused')
done()
