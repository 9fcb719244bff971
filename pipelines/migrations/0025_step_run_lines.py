from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # The table may be long, and steps are settled meanwhile.
    atomic = False

    dependencies = [('pipelines', '0024_pool_lines')]

    operations = [
        AddIndexConcurrently(
            model_name='steprun',
            index=models.Index(
                condition=models.Q(('pool_priority__isnull', False), ('status', 'ready')),
                fields=['pool', '-pool_priority', 'id'],
                name='step_run_lines',
            ),
        ),
        AddIndexConcurrently(
            model_name='steprun',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['-id'], name='step_run_waiting'),
        ),
    ]
