from pathlib import Path

from django.db import migrations

CARRY = (Path(__file__).parent.parent / 'sql' / 'carry.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('pipelines', '0019_prompt_words_stay')]

    operations = [migrations.RunSQL(CARRY, migrations.RunSQL.noop)]
