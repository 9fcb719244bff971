from pathlib import Path

from django.db import migrations

# Beside ``pipelines_carry``, which processes of the version before still call.
CARRY_ON = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0014_named')]

    operations = [migrations.RunSQL(CARRY_ON, migrations.RunSQL.noop)]
