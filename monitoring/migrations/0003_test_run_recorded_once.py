from django.db import migrations, models

# Built beside the traffic; no row that is there already has a key, so none can be in its way.
INDEX = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS test_run_recorded_once
ON test_run (recorded_by_id, source, type, idempotency_key) WHERE NOT (idempotency_key = '')
"""


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('monitoring', '0002_test_run_columns'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(INDEX, 'DROP INDEX CONCURRENTLY IF EXISTS test_run_recorded_once'),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='testrun',
                    constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('recorded_by', 'source', 'type', 'idempotency_key'), name='test_run_recorded_once'),
                ),
            ],
        ),
    ]
