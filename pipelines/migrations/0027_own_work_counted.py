from pathlib import Path

from django.db import migrations

RAIL = (Path(__file__).parent.parent / 'sql' / 'review_rail.sql').read_text()
DROP_OLDER = 'DROP FUNCTION IF EXISTS pipelines_review_rail(integer, uuid, integer, integer, integer, integer)'


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0026_times_of_attempts')]

    operations = [
        migrations.RunSQL(DROP_OLDER, migrations.RunSQL.noop),
        migrations.RunSQL(RAIL, migrations.RunSQL.noop),
    ]
