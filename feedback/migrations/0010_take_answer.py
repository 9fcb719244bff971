from pathlib import Path

from django.db import migrations

TAKE_ANSWER = (Path(__file__).parent.parent / 'sql' / 'take_answer.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [('feedback', '0009_own_work')]

    operations = [migrations.RunSQL(TAKE_ANSWER, 'DROP FUNCTION feedback_take_answer(jsonb, jsonb)')]
