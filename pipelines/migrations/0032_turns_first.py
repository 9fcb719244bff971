from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / 'sql'


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0031_lines_kept_once')]

    operations = [
        migrations.RunSQL((SQL / name).read_text(), migrations.RunSQL.noop) for name in ('jobs.sql', 'carry.sql')
    ]
