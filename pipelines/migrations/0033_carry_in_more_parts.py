from pathlib import Path

from django.db import migrations

CARRY_ON = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0032_turns_first')]

    operations = [migrations.RunSQL(CARRY_ON, migrations.RunSQL.noop)]
