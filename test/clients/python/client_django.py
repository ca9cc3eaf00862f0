"""Django: the app items, migrated, filled and asked by the ORM; parameters bound by psycopg 3 and by the server."""
import io
import os

import django
from django.conf import settings
from django.core.management import call_command
from django.db import DataError, connections, transaction
from pgvector import SparseVector
from pgvector.django import HammingDistance, L2Distance

from common import DIMENSIONS, EXTENSIONS, KINDS, LIMIT, ROWS, done, halves, is_exact, ok, queries, rows

SETTINGS = {'options': '-c enable_seqscan=off -c vecgraph.search_list_size=200'}
ENGINE = {'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE']}
settings.configure(
    DATABASES={'default': {**ENGINE, 'OPTIONS': SETTINGS},
               'server': {**ENGINE, 'OPTIONS': {**SETTINGS, 'server_side_binding': True}}},
    INSTALLED_APPS=['django.contrib.postgres', 'items'],
    MIGRATION_MODULES={} if EXTENSIONS == ['vecidx'] else {'items': 'items.migrations_beside_pgvector'})
django.setup()

from items.models import Item  # noqa: E402: models want an app that is set up


def wrap(kind, value):
    return SparseVector(value) if kind.name == 'sparsevec' else value


def plain(value):
    return value.to_list() if isinstance(value, SparseVector) else value


def distance(kind, query):
    return HammingDistance(kind.name, query) if kind.name == 'bit' else L2Distance(kind.name, wrap(kind, query))


def search(kind, query, tenant=None):
    items = Item.objects.using(database).annotate(distance=distance(kind, query)).order_by('distance')
    return items if tenant is None else items.filter(tenant=tenant)


call_command('migrate', verbosity=0)
output = io.StringIO()
try:
    call_command('makemigrations', check=True, dry_run=True, stdout=output)
    ok(True, 'the index of the model is that of the migration')
except SystemExit:
    print(output.getvalue(), flush=True)
    ok(False, 'the index of the model is that of the migration')

# the second half goes into indexes that are there
for part in zip(*[halves(rows(kind)) for kind in KINDS]):
    Item.objects.bulk_create(Item(id=row[0][0], tenant=row[0][1], **{kind.name: wrap(kind, value) for kind, (_, _, value) in zip(KINDS, row)})
                             for row in zip(*part))
with connections['default'].cursor() as cursor:
    cursor.execute('ANALYZE items_item')

for database in ('default', 'server'):
    for kind in KINDS:
        all_rows = rows(kind)
        read = Item.objects.using(database).order_by('id').values_list('id', 'tenant', kind.name)
        ok([(id, tenant, plain(value)) for id, tenant, value in read] == all_rows, f'{database}, {kind.name}: rows come back')
        ok(all(is_exact(kind, all_rows, query, search(kind, query).values_list('id', 'distance')[:LIMIT]) for query in queries(kind)),
           f'{database}, {kind.name}: search')
        ok(all(is_exact(kind, all_rows, query, search(kind, query, tenant).values_list('id', 'distance')[:LIMIT], tenant)
               for tenant, query in enumerate(queries(kind))), f'{database}, {kind.name}: search with a filter')
        ok(f'items_{kind.name}_index' in search(kind, queries(kind)[0], 3)[:LIMIT].explain(), f'{database}, {kind.name}: the index is used')
    try:
        with transaction.atomic(using=database):
            Item.objects.using(database).create(id=-1, tenant=0, vector=[1.0])
        error = None
    except DataError as raised:
        error = raised
    ok(f'expected {DIMENSIONS} dimensions, not 1' in str(error) and Item.objects.using(database).count() == ROWS,
       f'{database}: a vector of other dimensions is refused')

call_command('migrate', 'items', 'zero', verbosity=0)
with connections['default'].cursor() as cursor:
    cursor.execute('SELECT count(*) FROM pg_extension WHERE extname = ANY (%s)', [EXTENSIONS])
    ok(cursor.fetchone() == (0,), 'the migrations can be taken back')
for connection in connections.all():
    connection.close()
done()
