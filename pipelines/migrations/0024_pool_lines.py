from pathlib import Path

from django.db import migrations, models

CARRY_ON = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0023_review_rail_lapsed')]

    operations = [
        migrations.AddField(
            model_name='steprun',
            name='pool_priority',
            field=models.SmallIntegerField(blank=True, editable=False, help_text="Set while it is ready and stands in its pool's line.", null=True),
        ),
        migrations.AddField(
            model_name='steprun',
            name='pool_until',
            field=models.DateTimeField(blank=True, editable=False, help_text='How long its place in the pool is kept; its turn, or it asks.', null=True),
        ),
        migrations.RunSQL(CARRY_ON, migrations.RunSQL.noop),
    ]
