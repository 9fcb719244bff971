import django.contrib.postgres.indexes
import django.db.models.functions.comparison
import pgvector.django.halfvec
import pgvector.django.indexes
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """The older index goes when the one that takes its place is there, so that retrieval is never without one."""

    atomic = False

    dependencies = [
        ('pipelines', '0010_model_prices'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='embedding',
            index=pgvector.django.indexes.HnswIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.comparison.Cast('vector', pgvector.django.halfvec.HalfVectorField(dimensions=1536)), name='halfvec_cosine_ops'), name='embedding_half_hnsw'),
        ),
        RemoveIndexConcurrently(
            model_name='embedding',
            name='embedding_hnsw',
        ),
    ]
