from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / 'sql'
FUNCTIONS = {
    'review_content': 'pipelines_review_content(uuid)',
    'review_assignment': 'pipelines_review_assignment(uuid, integer)',
    'item_at': 'pipelines_item_at(uuid, text, text[])',
    'review_pictures': 'pipelines_review_pictures(uuid, jsonb)',
    'review_rail': 'pipelines_review_rail',
}


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0021_labels'),
        ('feedback', '0009_own_work'),
        ('ir_schemas', '0002_fewer_indexes'),
        ('metrics', '0002_fewer_indexes'),
    ]

    operations = [
        migrations.RunSQL((SQL / f'{name}.sql').read_text(), f'DROP FUNCTION {signature}')
        for name, signature in FUNCTIONS.items()
    ]
