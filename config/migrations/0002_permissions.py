from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / 'sql'
FUNCTIONS = [(SQL / f'{name}.sql').read_text() for name in ('permissions', 'api_keys')]


class Migration(migrations.Migration):

    dependencies = [('config', '0001_api_keys')]

    operations = [migrations.RunSQL(function, migrations.RunSQL.noop) for function in FUNCTIONS]
