"""SQLAlchemy's ORM, over psycopg 3, psycopg2 and asyncpg: a model with an index that knows vecgraph, and queries by the comparators."""
import asyncio

from pgvector import SparseVector
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR
from sqlalchemy import Index, create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.types import Integer

from common import DIMENSIONS, EXTENSIONS, KINDS, LIMIT, done, halves, is_exact, ok, queries, rows

TYPES = {'vector': VECTOR, 'halfvec': HALFVEC, 'sparsevec': SPARSEVEC, 'bit': BIT}


class Base(DeclarativeBase):
    pass


def model(kind):
    index = Index(f'{kind.table}_index', 'embedding', 'tenant', postgresql_using='vecgraph', postgresql_ops={'embedding': kind.opclass},
                  postgresql_with={'build_list_size': 100})
    return type(kind.name.title(), (Base,), {
        '__tablename__': kind.table,
        'id': mapped_column(Integer, primary_key=True),
        'tenant': mapped_column(Integer, nullable=False),
        'embedding': mapped_column(TYPES[kind.name](DIMENSIONS)),
        '__table_args__': (index,)})


def wrap(kind, value):
    return SparseVector(value) if kind.name == 'sparsevec' else value


def plain(value):
    return value.to_list() if isinstance(value, SparseVector) else value


def search(kind, item, query, tenant=None):
    distance = item.embedding.hamming_distance(query) if kind.name == 'bit' else item.embedding.l2_distance(wrap(kind, query))
    statement = select(item.id, distance).order_by(distance).limit(LIMIT)
    return statement if tenant is None else statement.where(item.tenant == tenant)


def settings(connection, _):
    cursor = connection.cursor()
    cursor.execute('SET enable_seqscan = off')
    cursor.execute('SET vecgraph.search_list_size = 200')
    cursor.close()
    connection.commit()


MODELS = [(kind, model(kind)) for kind in KINDS]
engine = create_engine('postgresql+psycopg://')
event.listen(engine, 'connect', settings)
with engine.begin() as connection:
    for extension in EXTENSIONS:
        connection.execute(text(f'CREATE EXTENSION {extension}'))
Base.metadata.create_all(engine)

for kind, item in MODELS:
    # the second half goes into an index that is there
    for part in halves(rows(kind)):
        with Session(engine) as session:
            session.add_all(item(id=id, tenant=tenant, embedding=wrap(kind, value)) for id, tenant, value in part)
            session.commit()
    with engine.begin() as connection:
        connection.execute(text(f'ANALYZE {kind.table}'))
    found, = [index for index in inspect(engine).get_indexes(kind.table) if index['name'] == f'{kind.table}_index']
    ok(found['dialect_options']['postgresql_using'] == 'vecgraph' and found['column_names'] == ['embedding', 'tenant'],
       f'{kind.name}: the index is reflected')
    with engine.connect() as connection:
        query = wrap(kind, queries(kind)[0])
        literal = query.to_text() if isinstance(query, SparseVector) else query
        plan = connection.exec_driver_sql(f"EXPLAIN SELECT id FROM {kind.table} WHERE tenant = 3 "
                                          f"ORDER BY embedding {kind.operator} '{literal}' LIMIT {LIMIT}").all()
        ok(any(f'{kind.table}_index' in line for line, in plan), f'{kind.name}: the index is used')

for driver in ('psycopg', 'psycopg2'):
    engine = create_engine(f'postgresql+{driver}://')
    event.listen(engine, 'connect', settings)
    with Session(engine) as session:
        for kind, item in MODELS:
            all_rows = rows(kind)
            read = [(row.id, row.tenant, plain(row.embedding)) for row in session.scalars(select(item).order_by(item.id))]
            ok(read == all_rows, f'{driver}, {kind.name}: rows come back')
            ok(all(is_exact(kind, all_rows, query, session.execute(search(kind, item, query)).all()) for query in queries(kind)),
               f'{driver}, {kind.name}: search')
            ok(all(is_exact(kind, all_rows, query, session.execute(search(kind, item, query, tenant)).all(), tenant)
                   for tenant, query in enumerate(queries(kind))), f'{driver}, {kind.name}: search with a filter')
        try:
            session.add(MODELS[0][1](id=-1, tenant=0, embedding=[1.0]))
            session.commit()
            error = None
        except DBAPIError as raised:
            error = raised
        ok(f'expected {DIMENSIONS} dimensions, not 1' in str(error), f'{driver}: a vector of other dimensions is refused')


async def with_asyncpg():
    engine = create_async_engine('postgresql+asyncpg://')
    event.listen(engine.sync_engine, 'connect', settings)
    async with AsyncSession(engine) as session:
        for kind, item in MODELS:
            all_rows = rows(kind)
            read = [(row.id, row.tenant, plain(row.embedding)) for row in await session.scalars(select(item).order_by(item.id))]
            if kind.name != 'bit':  # which comes as asyncpg's own type
                ok(read == all_rows, f'asyncpg, {kind.name}: rows come back')
            ok(all([is_exact(kind, all_rows, query, (await session.execute(search(kind, item, query))).all()) for query in queries(kind)]),
               f'asyncpg, {kind.name}: search')
            ok(all([is_exact(kind, all_rows, query, (await session.execute(search(kind, item, query, tenant))).all(), tenant)
                    for tenant, query in enumerate(queries(kind))]), f'asyncpg, {kind.name}: search with a filter')
    await engine.dispose()


asyncio.run(with_asyncpg())
done()
