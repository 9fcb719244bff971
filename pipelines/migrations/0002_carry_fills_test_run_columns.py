from pathlib import Path

from django.db import migrations

CARRY = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0001_initial'),
        ('monitoring', '0002_test_run_columns'),
    ]

    operations = [migrations.RunSQL(CARRY, migrations.RunSQL.noop)]
