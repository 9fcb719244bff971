from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / 'sql'


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0017_recording_ground'),
        ('procrastinate', '0041_post_retry_failed_job'),
    ]

    operations = [
        migrations.RunSQL((SQL / name).read_text(), migrations.RunSQL.noop)
        for name in ('jobs.sql', 'carry.sql', 'take_up.sql', 'named.sql')
    ]
