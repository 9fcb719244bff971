from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / 'sql'


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0013_plain_vectors'),
        ('metrics', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL((SQL / 'carry.sql').read_text(), migrations.RunSQL.noop),
        migrations.RunSQL(
            (SQL / 'named.sql').read_text(),
            'DROP FUNCTION pipelines_named(uuid[], text[], uuid[], text[], text[])',
        ),
    ]
