from pathlib import Path

from django.db import migrations

CARRY_ON = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0030_carry_in_parts')]

    operations = [migrations.RunSQL(CARRY_ON, migrations.RunSQL.noop)]
