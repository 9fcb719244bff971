import django.contrib.postgres.indexes
import django.db.models.functions.comparison
import pgvector.django.halfvec
import pgvector.django.indexes
from django.db import migrations

# Built beside the traffic; the older index goes when it is there, so that retrieval is never without one.
HALF = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS embedding_half_hnsw
ON pipelines_embedding USING hnsw ((vector::halfvec(1536)) halfvec_cosine_ops)
"""
DROP_HALF = 'DROP INDEX CONCURRENTLY IF EXISTS embedding_half_hnsw'
DROP_WHOLE = 'DROP INDEX CONCURRENTLY IF EXISTS embedding_hnsw'


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('pipelines', '0010_model_prices'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(HALF, DROP_HALF),
                migrations.RunSQL(DROP_WHOLE, migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.AddIndex(
                    model_name='embedding',
                    index=pgvector.django.indexes.HnswIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.comparison.Cast('vector', pgvector.django.halfvec.HalfVectorField(dimensions=1536)), name='halfvec_cosine_ops'), name='embedding_half_hnsw'),
                ),
                migrations.RemoveIndex(
                    model_name='embedding',
                    name='embedding_hnsw',
                ),
            ],
        ),
    ]
