from pathlib import Path

from django.db import migrations

RECORDING_GROUND = (Path(__file__).parent.parent / 'sql' / 'recording_ground.sql').read_text()


class Migration(migrations.Migration):
    # The function with fewer arguments stays, for the code that runs while this one is brought in.

    dependencies = [('pipelines', '0028_equal_quality_stays')]

    operations = [migrations.RunSQL(RECORDING_GROUND, migrations.RunSQL.noop)]
