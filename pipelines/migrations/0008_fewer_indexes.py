from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Coalesce

CARRY = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()
DROP_OLDER = 'DROP FUNCTION IF EXISTS pipelines_pool_has_room(text, integer)'

# Built beside the traffic; the older constraints, which say the same, stand until they are there.
ONCE = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS step_run_by_node_once
ON pipelines_steprun (pipeline_run_id, node_key, COALESCE(map_index, -1))
"""
REUSED = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS step_run_reused
ON pipelines_steprun (reused_from_id) WHERE reused_from_id IS NOT NULL
"""
DECIDED = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS step_run_decided
ON pipelines_steprun (decided_by_id) WHERE decided_by_id IS NOT NULL
"""


def _drop(name):
    return f'DROP INDEX CONCURRENTLY IF EXISTS {name}'


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('pipelines', '0007_record'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ONCE, _drop('step_run_by_node_once')),
                migrations.RunSQL(REUSED, _drop('step_run_reused')),
                migrations.RunSQL(DECIDED, _drop('step_run_decided')),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='steprun',
                    constraint=models.UniqueConstraint(models.F('pipeline_run'), models.F('node_key'), Coalesce('map_index', -1), name='step_run_by_node_once'),
                ),
                migrations.AddIndex(
                    model_name='steprun',
                    index=models.Index(condition=models.Q(('reused_from__isnull', False)), fields=['reused_from'], name='step_run_reused'),
                ),
                migrations.AddIndex(
                    model_name='steprun',
                    index=models.Index(condition=models.Q(('decided_by__isnull', False)), fields=['decided_by'], name='step_run_decided'),
                ),
            ],
        ),
        migrations.RemoveConstraint(model_name='steprun', name='one_row_per_node'),
        migrations.RemoveConstraint(model_name='steprun', name='one_row_per_item'),
        migrations.RemoveIndex(model_name='steprun', name='step_run_by_node'),
        migrations.AlterField(
            model_name='pipelinerun',
            name='pipeline',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='pipelines.pipelinedefinition'),
        ),
        migrations.AlterField(
            model_name='steprun',
            name='decided_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='steprun',
            name='pipeline_run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='step_runs', to='pipelines.pipelinerun'),
        ),
        migrations.AlterField(
            model_name='steprun',
            name='reused_from',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='pipelines.steprun'),
        ),
        migrations.RunSQL(CARRY, migrations.RunSQL.noop),
        migrations.RunSQL(DROP_OLDER, migrations.RunSQL.noop),
    ]
