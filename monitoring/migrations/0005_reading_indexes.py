from django.db import migrations, models

# Built beside the traffic, each in a statement of its own.
INDEXES = {
    'test_result_not_passed': "test_result (status, id DESC) WHERE NOT (status = 'passed')",
    'test_run_began': 'test_run (started_at, id)',
    'test_run_type_began': 'test_run (type, started_at, id)',
    'test_run_prompt_began': 'test_run (prompt_id, started_at, id)',
    'test_run_pipeline_began': 'test_run (pipeline_id, started_at, id)',
    'test_run_model_began': "test_run (model, started_at, id) WHERE NOT (model = '')",
    'test_run_grade_began': "test_run (grade, started_at, id) WHERE NOT (grade = '')",
    'test_run_not_passed': "test_run (status, started_at, id) WHERE NOT (status = 'passed')",
    'test_run_prompt_not_passed': "test_run (prompt_id, started_at, id) WHERE NOT (status = 'passed')",
}


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('monitoring', '0004_rollups'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f'CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {columns}',
                    f'DROP INDEX CONCURRENTLY IF EXISTS {name}',
                )
                for name, columns in INDEXES.items()
            ],
            state_operations=[
                migrations.AddIndex(
                    model_name='testresult',
                    index=models.Index(condition=models.Q(('status', 'passed'), _negated=True), fields=['status', '-id'], name='test_result_not_passed'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(fields=['started_at', 'id'], name='test_run_began'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(fields=['type', 'started_at', 'id'], name='test_run_type_began'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(fields=['prompt', 'started_at', 'id'], name='test_run_prompt_began'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(fields=['pipeline', 'started_at', 'id'], name='test_run_pipeline_began'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(condition=models.Q(('model', ''), _negated=True), fields=['model', 'started_at', 'id'], name='test_run_model_began'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(condition=models.Q(('grade', ''), _negated=True), fields=['grade', 'started_at', 'id'], name='test_run_grade_began'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(condition=models.Q(('status', 'passed'), _negated=True), fields=['status', 'started_at', 'id'], name='test_run_not_passed'),
                ),
                migrations.AddIndex(
                    model_name='testrun',
                    index=models.Index(condition=models.Q(('status', 'passed'), _negated=True), fields=['prompt', 'started_at', 'id'], name='test_run_prompt_not_passed'),
                ),
            ],
        ),
    ]
