from pathlib import Path

from django.db import migrations

CARRY = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0008_fewer_indexes'),
        ('monitoring', '0009_flag_rules'),
    ]

    operations = [migrations.RunSQL(CARRY, migrations.RunSQL.noop)]
