from pathlib import Path

from django.db import migrations, models

RECORD = (Path(__file__).parent.parent / 'sql' / 'record.sql').read_text()

# Built beside the traffic; no row that is there already has a key, so none can be in its way.
INDEX = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS prompt_data_recorded_once
ON prompt_data (recorded_by_id, source, idempotency_key) WHERE NOT (idempotency_key = '')
"""


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('pipelines', '0006_prompt_data_recorded'),
        ('monitoring', '0003_test_run_recorded_once'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(INDEX, 'DROP INDEX CONCURRENTLY IF EXISTS prompt_data_recorded_once'),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='promptdata',
                    constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('recorded_by', 'source', 'idempotency_key'), name='prompt_data_recorded_once'),
                ),
            ],
        ),
        migrations.RunSQL(RECORD, 'DROP FUNCTION pipelines_record(jsonb)'),
    ]
