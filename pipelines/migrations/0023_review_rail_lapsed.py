from pathlib import Path

from django.db import migrations

RAIL = (Path(__file__).parent.parent / 'sql' / 'review_rail.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0022_review_reads')]

    operations = [migrations.RunSQL(RAIL, migrations.RunSQL.noop)]
