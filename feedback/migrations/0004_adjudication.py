from pathlib import Path

from django.db import migrations, models

CLAIM = (Path(__file__).parent.parent / 'sql' / 'claim.sql').read_text()
INDEX = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS review_item_to_adjudicate
ON feedback_reviewitem (queue_id, priority DESC, id) WHERE state = 'disputed' AND free_slots >= 1
"""
DROP_INDEX = 'DROP INDEX CONCURRENTLY IF EXISTS review_item_to_adjudicate'
# Its last argument has a default, so that a call without it means what it meant.
DROP_OLDER = 'DROP FUNCTION IF EXISTS feedback_claim(uuid, integer, uuid, uuid)'


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('feedback', '0003_ground_truth_sets'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='reviewqueue',
            options={
                'ordering': ('-id',),
                'permissions': [
                    ('review_item', 'Can review the items of queues'),
                    ('adjudicate_item', 'Can decide items whose reviewers disagree'),
                    ('curate_review', 'Can fill queues, withdraw items and curate answers'),
                ],
            },
        ),
        migrations.RunSQL(f'BEGIN; {DROP_OLDER}; {CLAIM} COMMIT;', migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(INDEX, DROP_INDEX)],
            state_operations=[
                migrations.AddIndex(
                    model_name='reviewitem',
                    index=models.Index(
                        models.F('queue'),
                        models.OrderBy(models.F('priority'), descending=True),
                        models.F('id'),
                        condition=models.Q(('free_slots__gte', 1), ('state', 'disputed')),
                        name='review_item_to_adjudicate',
                    ),
                ),
            ],
        ),
    ]
