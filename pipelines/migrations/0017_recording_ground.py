from pathlib import Path

from django.db import migrations

RECORDING_GROUND = (Path(__file__).parent.parent / 'sql' / 'recording_ground.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0016_schedule_taken'),
        ('monitoring', '0010_flag_state_without_rules'),
    ]

    operations = [migrations.RunSQL(RECORDING_GROUND, migrations.RunSQL.noop)]
