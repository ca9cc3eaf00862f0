"""psycopg 3: parameters and results as text and as binary, binary COPY, numpy arrays."""
import numpy
import psycopg
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.psycopg import register_vector

from common import DIMENSIONS, EXTENSIONS, KINDS, LIMIT, ROWS, TENANTS, cosine, done, halves, inner, is_exact, l1, l2, ok, queries, rows

WRAP = {'vector': Vector, 'halfvec': HalfVector, 'sparsevec': SparseVector, 'bit': Bit}


def plain(value):
    if isinstance(value, bytes):  # bits in binary, which psycopg does not read
        value = Bit.from_binary(value).to_text()
    return value if isinstance(value, str) else value.to_list()


def search(db, kind, query, binary, tenant=None):
    where = '' if tenant is None else f'WHERE tenant = {tenant}'
    parameter = '%b' if binary else '%t'
    return db.cursor(binary=binary).execute(
        f'SELECT id, embedding {kind.operator} {parameter} FROM {kind.table} {where} ORDER BY 2 LIMIT {LIMIT}',
        [WRAP[kind.name](query)]).fetchall()


db = psycopg.connect(autocommit=True)
for extension in EXTENSIONS:
    db.execute(f'CREATE EXTENSION {extension}')
register_vector(db)
db.execute('SET enable_seqscan = off')
db.execute('SET vecgraph.search_list_size = 200')

for kind in KINDS:
    wrap = WRAP[kind.name]
    all_rows = rows(kind)
    as_text, as_binary = halves(all_rows)
    db.execute(f'CREATE TABLE {kind.table} (id int PRIMARY KEY, tenant int NOT NULL, embedding {kind.type})')
    db.cursor().executemany(f'INSERT INTO {kind.table} VALUES (%s, %s, %t)', [(id, tenant, wrap(value)) for id, tenant, value in as_text])
    db.cursor().executemany(f'INSERT INTO {kind.table} VALUES (%s, %s, %b)',
                            [(id, tenant, wrap(value)) for id, tenant, value in as_binary[:100]])
    with db.cursor().copy(f'COPY {kind.table} FROM STDIN WITH (FORMAT BINARY)') as copy:
        copy.set_types(['int4', 'int4', kind.name])
        for id, tenant, value in as_binary[100:]:
            copy.write_row((id, tenant, wrap(value)))
    db.execute(f'CREATE INDEX {kind.table}_index ON {kind.table} USING vecgraph (embedding {kind.opclass}, tenant)')

    for binary in (False, True):
        form = 'binary' if binary else 'text'
        read = db.cursor(binary=binary).execute(f'SELECT id, tenant, embedding FROM {kind.table} ORDER BY id').fetchall()
        ok([(id, tenant, plain(value)) for id, tenant, value in read] == all_rows, f'{kind.name}: rows come back, {form}')
        ok(all(is_exact(kind, all_rows, query, search(db, kind, query, binary)) for query in queries(kind)),
           f'{kind.name}: search, {form}')
        ok(all(is_exact(kind, all_rows, query, search(db, kind, query, binary, tenant), tenant)
               for tenant, query in enumerate(queries(kind))), f'{kind.name}: search with a filter, {form}')
    plan = db.execute(f'EXPLAIN SELECT id FROM {kind.table} WHERE tenant = 3 ORDER BY embedding {kind.operator} %b LIMIT {LIMIT}',
                      [wrap(queries(kind)[0])]).fetchall()
    ok(any(f'{kind.table}_index' in line for line, in plan), f'{kind.name}: the index is used')
    late = queries(kind)[1]
    db.execute(f'INSERT INTO {kind.table} VALUES (%s, %s, %b)', [ROWS + 1, 0, wrap(late)])
    ok(search(db, kind, late, True)[0][1] == 0, f'{kind.name}: a row that comes after the index is found')

kind = KINDS[0]
a, b = rows(kind)[0][2], queries(kind)[0]
found = db.execute('SELECT %(a)s <-> %(b)s, %(a)s <#> %(b)s, %(a)s <=> %(b)s, %(a)s <+> %(b)s', {'a': Vector(a), 'b': Vector(b)}).fetchone()
ok(numpy.allclose(found, [l2(a, b), -inner(a, b), cosine(a, b), l1(a, b)], rtol=1e-5), 'the distances are as computed here')
found = db.cursor(binary=True).execute(f'SELECT id, embedding <-> %b FROM {kind.table} ORDER BY 2 LIMIT {LIMIT}',
                                       [numpy.array(b, dtype=numpy.float32)]).fetchall()
ok(is_exact(kind, rows(kind), b, found), 'a numpy array is a vector')
array = db.execute('SELECT %s::vector[]', [[Vector(a), Vector(b)]]).fetchone()[0]
ok([value.to_list() for value in array] == [a, b], 'an array of vectors')
for kind, function, form in zip(KINDS, ('vecidx_unpack', 'vecidx_unpack_halfvec'), ('<f4', '<f2')):
    ids, _, values = zip(*rows(kind))
    packed = numpy.array(ids, '<i8').tobytes(), numpy.array(values, form).tobytes(), DIMENSIONS
    found = db.execute(f'SELECT count(*) FROM {function}(%b, %b, %s) JOIN {kind.table} USING (id, embedding)', packed).fetchone()
    ok(found == (ROWS,), f'{kind.name}: packed rows are the same')
kind = KINDS[0]
db.execute(f'INSERT INTO {kind.table} VALUES (0, 0, %s)', [None])
ok(db.execute(f'SELECT embedding FROM {kind.table} WHERE id = 0').fetchone() == (None,), 'NULL')
try:
    db.execute(f'INSERT INTO {kind.table} VALUES (-1, 0, %b)', [Vector(a[1:])])
    error = None
except psycopg.DataError as raised:
    error = raised
ok(error is not None and f'expected {DIMENSIONS} dimensions, not {DIMENSIONS - 1}' in str(error)
   and db.execute('SELECT 1').fetchone() == (1,), 'a vector of other dimensions is refused')
done()
