import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    # The index is built beside the traffic.
    atomic = False

    dependencies = [
        ('monitoring', '0014_dear_rollups'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    'CREATE INDEX CONCURRENTLY IF NOT EXISTS test_run_design_began '
                    'ON test_run (design_split_id, started_at, id)',
                    'DROP INDEX CONCURRENTLY IF EXISTS test_run_design_began',
                )
            ],
            state_operations=[
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(fields=['design_split', 'started_at', 'id'], name='test_run_design_began'),
                ),
            ],
        ),
        migrations.AlterField(
            model_name='testrun',
            name='design_split',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='test_runs', to='pipelines.designsplit'),
        ),
    ]
