import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

FILL = """
UPDATE feedback_reviewassignment mine SET queue_id = item.queue_id
FROM feedback_reviewitem item WHERE item.id = mine.item_id AND mine.queue_id IS NULL
"""
# A check that holds already spares SET NOT NULL its reading of the table under a lock that nobody passes.
NEVER_NULL = """
ALTER TABLE feedback_reviewassignment ADD CONSTRAINT assignment_has_queue CHECK (queue_id IS NOT NULL) NOT VALID;
ALTER TABLE feedback_reviewassignment VALIDATE CONSTRAINT assignment_has_queue;
ALTER TABLE feedback_reviewassignment ALTER COLUMN queue_id SET NOT NULL;
ALTER TABLE feedback_reviewassignment DROP CONSTRAINT assignment_has_queue;
"""
MAY_BE_NULL = 'ALTER TABLE feedback_reviewassignment ALTER COLUMN queue_id DROP NOT NULL'
INDEX = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS assignment_mine
ON feedback_reviewassignment (reviewer_id, queue_id, claimed_at DESC, id DESC) INCLUDE (state)
"""
DROP_INDEX = 'DROP INDEX CONCURRENTLY IF EXISTS assignment_mine'


def queue(*, null):
    return models.ForeignKey(
        db_index=False,
        editable=False,
        null=null,
        on_delete=django.db.models.deletion.PROTECT,
        related_name='+',
        to='feedback.reviewqueue',
    )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('feedback', '0008_questions_stay'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(model_name='reviewassignment', name='queue', field=queue(null=True)),
        pgtrigger.migrations.AddTrigger(
            model_name='reviewassignment',
            trigger=pgtrigger.compiler.Trigger(name='assignment_in_the_queue_of_its_item', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n                    NEW.queue_id := (SELECT queue_id FROM feedback_reviewitem WHERE id = NEW.item_id);\n                    RETURN NEW;\n                ', hash='1f890cb24c6c7c5a4e4b0378584506f80c910f0d', operation='INSERT', pgid='pgtrigger_assignment_in_the_queue_of_its_item_7b4fe', table='feedback_reviewassignment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reviewitem',
            trigger=pgtrigger.compiler.Trigger(name='review_item_stays_in_its_queue', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."queue_id" IS DISTINCT FROM (NEW."queue_id"))', func="\n                    RAISE EXCEPTION 'An item stays in its queue.' USING ERRCODE = 'check_violation';\n                ", hash='72e2d0a73333498520e49d82fbb8ec7bfe2586e3', operation='UPDATE OF "queue_id"', pgid='pgtrigger_review_item_stays_in_its_queue_6bc7a', table='feedback_reviewitem', when='BEFORE')),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                *(migrations.RunSQL(each, migrations.RunSQL.noop) for each in NEVER_NULL.strip().splitlines()),
                migrations.RunSQL(migrations.RunSQL.noop, MAY_BE_NULL),
            ],
            state_operations=[
                migrations.AlterField(model_name='reviewassignment', name='queue', field=queue(null=False)),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(INDEX, DROP_INDEX)],
            state_operations=[
                migrations.AddIndex(
                    model_name='reviewassignment',
                    index=models.Index(
                        models.F('reviewer'),
                        models.F('queue'),
                        models.OrderBy(models.F('claimed_at'), descending=True),
                        models.OrderBy(models.F('id'), descending=True),
                        include=('state',),
                        name='assignment_mine',
                    ),
                ),
            ],
        ),
    ]
