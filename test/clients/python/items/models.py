from django.contrib.postgres.indexes import OpClass
from django.db import models
from pgvector.django import BitField, HalfVectorField, SparseVectorField, VectorField

from .index import VecgraphIndex


class Item(models.Model):
    id = models.IntegerField(primary_key=True)
    tenant = models.IntegerField()
    vector = VectorField(dimensions=32, null=True)
    halfvec = HalfVectorField(dimensions=32, null=True)
    sparsevec = SparseVectorField(dimensions=32, null=True)
    bit = BitField(length=32, null=True)

    class Meta:
        indexes = [
            VecgraphIndex(OpClass('vector', name='vector_l2_ops'), 'tenant', name='items_vector_index', options={'build_list_size': 100}),
            VecgraphIndex(name='items_halfvec_index', fields=['halfvec', 'tenant'], opclasses=['halfvec_l2_ops', 'int4_filter_ops']),
            VecgraphIndex(OpClass('sparsevec', name='sparsevec_l2_ops'), 'tenant', name='items_sparsevec_index'),
            VecgraphIndex(OpClass('bit', name='bit_hamming_ops'), 'tenant', name='items_bit_index'),
        ]
