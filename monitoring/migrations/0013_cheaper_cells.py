from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / 'sql'


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0012_alerts_of_pipelines_that_last'),
    ]

    operations = [
        migrations.RunSQL((SQL / 'run_cells.sql').read_text(), migrations.RunSQL.noop),
        migrations.RunSQL((SQL / 'rollup_marks.sql').read_text(), migrations.RunSQL.noop),
    ]
