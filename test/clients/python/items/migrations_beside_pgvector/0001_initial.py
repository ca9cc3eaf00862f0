from importlib import import_module

from django.contrib.postgres.operations import CreateExtension
from django.db import migrations
from pgvector.django import VectorExtension

_, *AFTER_EXTENSION = import_module('items.migrations.0001_initial').Migration.operations


class Migration(migrations.Migration):
    initial = True
    operations = [
        VectorExtension(),
        CreateExtension('vecidx_pgvector'),
        *AFTER_EXTENSION,
    ]
