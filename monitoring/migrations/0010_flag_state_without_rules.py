from pathlib import Path

from django.db import migrations

FLAG_STATE = (Path(__file__).parent.parent / 'sql' / 'flag_state.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0009_flag_rules'),
    ]

    operations = [migrations.RunSQL(FLAG_STATE, migrations.RunSQL.noop)]
