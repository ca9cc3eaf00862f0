from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations, models
from pgvector.django import BitField, HalfVectorField, SparseVectorField, VectorField

from items.index import VecgraphIndex


class Migration(migrations.Migration):
    initial = True
    operations = [
        CreateExtension('vecidx'),
        migrations.CreateModel(
            name='Item',
            fields=[
                ('id', models.IntegerField(primary_key=True, serialize=False)),
                ('tenant', models.IntegerField()),
                ('vector', VectorField(dimensions=32, null=True)),
                ('halfvec', HalfVectorField(dimensions=32, null=True)),
                ('sparsevec', SparseVectorField(dimensions=32, null=True)),
                ('bit', BitField(length=32, null=True)),
            ],
            options={
                'indexes': [
                    VecgraphIndex(OpClass('vector', name='vector_l2_ops'), models.F('tenant'), name='items_vector_index',
                                  options={'build_list_size': 100}),
                    VecgraphIndex(name='items_halfvec_index', fields=['halfvec', 'tenant'], opclasses=['halfvec_l2_ops', 'int4_filter_ops']),
                    VecgraphIndex(OpClass('sparsevec', name='sparsevec_l2_ops'), models.F('tenant'), name='items_sparsevec_index'),
                    VecgraphIndex(OpClass('bit', name='bit_hamming_ops'), models.F('tenant'), name='items_bit_index'),
                ],
            },
        ),
    ]
