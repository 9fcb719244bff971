from pathlib import Path

from django.db import migrations

RECORD = (Path(__file__).parent.parent / 'sql' / 'record.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0027_own_work_counted')]

    operations = [migrations.RunSQL(RECORD, migrations.RunSQL.noop)]
