"""asyncpg: prepared statements in binary throughout, binary COPY; text where a value is sent as a string."""
import asyncio

import asyncpg
from pgvector import HalfVector, SparseVector, Vector
from pgvector.asyncpg import register_vector

from common import DIMENSIONS, EXTENSIONS, KINDS, LIMIT, done, halves, is_exact, ok, queries, rows

WRAP = {'vector': Vector, 'halfvec': HalfVector, 'sparsevec': SparseVector, 'bit': asyncpg.BitString}


def plain(value):
    return value.as_string().replace(' ', '') if isinstance(value, asyncpg.BitString) else value.to_list()


def text(kind, value):
    return value if kind.name == 'bit' else WRAP[kind.name](value).to_text()


async def search(db, kind, query, binary, tenant=None):
    where = '' if tenant is None else 'WHERE tenant = $2'
    parameter = '$1' if binary else f'$1::text::{kind.type}'
    found = await db.fetch(f'SELECT id, embedding {kind.operator} {parameter} AS distance FROM {kind.table} {where} '
                           f'ORDER BY 2 LIMIT {LIMIT}',
                           WRAP[kind.name](query) if binary else text(kind, query), *([] if tenant is None else [tenant]))
    return [(row['id'], row['distance']) for row in found]


async def main():
    db = await asyncpg.connect()
    for extension in EXTENSIONS:
        await db.execute(f'CREATE EXTENSION {extension}')
    await register_vector(db)
    await db.execute('SET enable_seqscan = off')
    await db.execute('SET vecgraph.search_list_size = 200')
    for kind in KINDS:
        wrap = WRAP[kind.name]
        all_rows = rows(kind)
        as_text, as_binary = halves(all_rows)
        await db.execute(f'CREATE TABLE {kind.table} (id int PRIMARY KEY, tenant int NOT NULL, embedding {kind.type})')
        await db.executemany(f'INSERT INTO {kind.table} VALUES ($1, $2, $3::text::{kind.type})',
                             [(id, tenant, text(kind, value)) for id, tenant, value in as_text])
        await db.executemany(f'INSERT INTO {kind.table} VALUES ($1, $2, $3)',
                             [(id, tenant, wrap(value)) for id, tenant, value in as_binary[:100]])
        await db.copy_records_to_table(kind.table, records=[(id, tenant, wrap(value)) for id, tenant, value in as_binary[100:]])
        await db.execute(f'CREATE INDEX {kind.table}_index ON {kind.table} USING vecgraph (embedding {kind.opclass}, tenant)')
        read = await db.fetch(f'SELECT id, tenant, embedding FROM {kind.table} ORDER BY id')
        ok([(id, tenant, plain(value)) for id, tenant, value in read] == all_rows, f'{kind.name}: rows come back')
        for binary in (False, True):
            form = 'binary' if binary else 'text'
            ok(all([is_exact(kind, all_rows, query, await search(db, kind, query, binary)) for query in queries(kind)]),
               f'{kind.name}: search, {form}')
            ok(all([is_exact(kind, all_rows, query, await search(db, kind, query, binary, tenant), tenant)
                    for tenant, query in enumerate(queries(kind))]), f'{kind.name}: search with a filter, {form}')
        plan = await db.fetch(f'EXPLAIN SELECT id FROM {kind.table} WHERE tenant = 3 ORDER BY embedding {kind.operator} $1 LIMIT {LIMIT}',
                              wrap(queries(kind)[0]))
        ok(any(f'{kind.table}_index' in line for line, in plan), f'{kind.name}: the index is used')

        # a generic plan, which knows no value, and a cursor, which fetches as it goes on
        statement = await db.prepare(f'SELECT id, embedding {kind.operator} $1 FROM {kind.table} ORDER BY 2 LIMIT {LIMIT}')
        found = [await statement.fetch(wrap(queries(kind)[0])) for _ in range(7)]
        ok(is_exact(kind, all_rows, queries(kind)[0], [tuple(row) for row in found[-1]]), f'{kind.name}: search by a prepared statement')
        async with db.transaction():
            cursor = await db.cursor(f'SELECT id, embedding {kind.operator} $1 FROM {kind.table} ORDER BY 2', wrap(queries(kind)[1]))
            found = [tuple(row) for _ in range(LIMIT) for row in await cursor.fetch(1)]
        ok(is_exact(kind, all_rows, queries(kind)[1], found), f'{kind.name}: search by a cursor')

    a, b = rows(KINDS[0])[0][2], queries(KINDS[0])[0]
    array = await db.fetchval('SELECT $1::vector[]', [Vector(a), Vector(b)])
    ok([value.to_list() for value in array] == [a, b], 'an array of vectors')
    try:
        await db.execute(f'INSERT INTO {KINDS[0].table} VALUES (-1, 0, $1)', Vector(a[1:]))
        error = None
    except asyncpg.DataError as raised:
        error = raised
    ok(error is not None and f'expected {DIMENSIONS} dimensions, not {DIMENSIONS - 1}' in str(error),
       'a vector of other dimensions is refused')
    await db.close()


asyncio.run(main())
done()
