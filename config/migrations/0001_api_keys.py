from pathlib import Path

from django.db import migrations

API_KEYS = (Path(__file__).parent.parent / 'sql' / 'api_keys.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('knox', '0009_extend_authtoken_field'),
    ]

    operations = [migrations.RunSQL(API_KEYS, migrations.RunSQL.noop)]
