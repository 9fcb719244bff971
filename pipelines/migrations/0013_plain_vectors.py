from django.db import migrations

# In a table of its own for large values, a vector takes four more pages to read; 1,536 dimensions just fit into a row.
# Rows that are there stay as they are until they are written again.
PLAIN = 'ALTER TABLE pipelines_embedding ALTER COLUMN vector SET STORAGE PLAIN'
EXTERNAL = 'ALTER TABLE pipelines_embedding ALTER COLUMN vector SET STORAGE EXTERNAL'


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0012_schedules'),
    ]

    operations = [
        migrations.RunSQL(PLAIN, EXTERNAL),
    ]
