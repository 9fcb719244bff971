from django.db import migrations

TRIGGER = "ALTER TABLE procrastinate_jobs {} TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1"


class Migration(migrations.Migration):
    """The queue's own NOTIFY would be inside each transaction that enqueues; workers are woken after it instead."""

    dependencies = [('pipelines', '0003_engine'), ('procrastinate', '0041_post_retry_failed_job')]

    operations = [migrations.RunSQL(TRIGGER.format('DISABLE'), TRIGGER.format('ENABLE'))]
