from pathlib import Path

import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# With the pipeline, by which alerts can be narrowed.
CELLS = (Path(__file__).parent.parent / 'sql' / 'run_cells.sql').read_text()


class Migration(migrations.Migration):

    dependencies = [
        ('metrics', '0002_fewer_indexes'),
        ('monitoring', '0011_alerts'),
        ('pipelines', '0013_plain_vectors'),
    ]

    operations = [
        migrations.RunSQL(CELLS, migrations.RunSQL.noop),
        pgtrigger.migrations.RemoveTrigger(
            model_name='alert',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='alert',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='alert',
            name='delete_delete',
        ),
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_measure_fits',
        ),
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_window_bounded',
        ),
        migrations.AddField(
            model_name='alert',
            name='broken_since',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='alert',
            name='hold_minutes',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How long that must last before it fires; 0 is at once.', validators=[django.core.validators.MaxValueValidator(10080)], verbose_name='for so many minutes'),
        ),
        migrations.AddField(
            model_name='alert',
            name='pipeline',
            field=models.ForeignKey(blank=True, help_text='Only runs of this pipeline.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='pipelines.pipelinedefinition'),
        ),
        migrations.AddField(
            model_name='alertevent',
            name='hold_minutes',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How long that must last before it fires; 0 is at once.', validators=[django.core.validators.MaxValueValidator(10080)], verbose_name='for so many minutes'),
        ),
        migrations.AddField(
            model_name='alertevent',
            name='pipeline',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='Only runs of this pipeline.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='pipelines.pipelinedefinition'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='window_hours',
            field=models.PositiveSmallIntegerField(default=24, help_text="1 to 168; of a metric's results, or one pipeline's runs, up to 24.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(168)], verbose_name='over the last hours'),
        ),
        migrations.AlterField(
            model_name='alertevent',
            name='window_hours',
            field=models.PositiveSmallIntegerField(default=24, help_text="1 to 168; of a metric's results, or one pipeline's runs, up to 24.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(168)], verbose_name='over the last hours'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alert',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "monitoring_alertevent" ("at_least", "comparison", "hold_minutes", "id", "is_enabled", "measure", "metric_id", "model", "name", "no_data", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pipeline_id", "prompt_id", "severity", "threshold", "watches", "window_hours") VALUES (NEW."at_least", NEW."comparison", NEW."hold_minutes", NEW."id", NEW."is_enabled", NEW."measure", NEW."metric_id", NEW."model", NEW."name", NEW."no_data", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."pipeline_id", NEW."prompt_id", NEW."severity", NEW."threshold", NEW."watches", NEW."window_hours"); RETURN NULL;', hash='3a292a4aae0a12346de0edd457b7f0ce8c239345', operation='INSERT', pgid='pgtrigger_insert_insert_855dd', table='monitoring_alert', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alert',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."at_least" IS DISTINCT FROM (NEW."at_least") OR OLD."comparison" IS DISTINCT FROM (NEW."comparison") OR OLD."hold_minutes" IS DISTINCT FROM (NEW."hold_minutes") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_enabled" IS DISTINCT FROM (NEW."is_enabled") OR OLD."measure" IS DISTINCT FROM (NEW."measure") OR OLD."metric_id" IS DISTINCT FROM (NEW."metric_id") OR OLD."model" IS DISTINCT FROM (NEW."model") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."no_data" IS DISTINCT FROM (NEW."no_data") OR OLD."pipeline_id" IS DISTINCT FROM (NEW."pipeline_id") OR OLD."prompt_id" IS DISTINCT FROM (NEW."prompt_id") OR OLD."severity" IS DISTINCT FROM (NEW."severity") OR OLD."threshold" IS DISTINCT FROM (NEW."threshold") OR OLD."watches" IS DISTINCT FROM (NEW."watches") OR OLD."window_hours" IS DISTINCT FROM (NEW."window_hours"))', func='INSERT INTO "monitoring_alertevent" ("at_least", "comparison", "hold_minutes", "id", "is_enabled", "measure", "metric_id", "model", "name", "no_data", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pipeline_id", "prompt_id", "severity", "threshold", "watches", "window_hours") VALUES (NEW."at_least", NEW."comparison", NEW."hold_minutes", NEW."id", NEW."is_enabled", NEW."measure", NEW."metric_id", NEW."model", NEW."name", NEW."no_data", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."pipeline_id", NEW."prompt_id", NEW."severity", NEW."threshold", NEW."watches", NEW."window_hours"); RETURN NULL;', hash='e9676cc86d4b09c10a2934faab9c896593f363d9', operation='UPDATE', pgid='pgtrigger_update_update_f3504', table='monitoring_alert', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='alert',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "monitoring_alertevent" ("at_least", "comparison", "hold_minutes", "id", "is_enabled", "measure", "metric_id", "model", "name", "no_data", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pipeline_id", "prompt_id", "severity", "threshold", "watches", "window_hours") VALUES (OLD."at_least", OLD."comparison", OLD."hold_minutes", OLD."id", OLD."is_enabled", OLD."measure", OLD."metric_id", OLD."model", OLD."name", OLD."no_data", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."pipeline_id", OLD."prompt_id", OLD."severity", OLD."threshold", OLD."watches", OLD."window_hours"); RETURN NULL;', hash='99d44338059735ab9439ef85c0c3c296de6773fc', operation='DELETE', pgid='pgtrigger_delete_delete_f70fd', table='monitoring_alert', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('measure__in', ['runs', 'failures', 'pass_rate', 'valid_rate', 'p50_ms', 'p95_ms', 'p99_ms', 'tokens', 'cost_usd', 'unpriced']), ('metric', None), ('watches', 'ai')), models.Q(('measure__in', ['runs', 'failures', 'pass_rate', 'valid_rate', 'p50_ms', 'p95_ms', 'p99_ms', 'score']), ('metric', None), ('model', ''), ('prompt', None), ('watches', 'quality')), models.Q(('measure__in', ['results', 'mean', 'passed']), ('metric__isnull', False), ('model', ''), ('pipeline', None), ('prompt', None), ('watches', 'metric')), _connector='OR'), name='alert_measure_fits'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('window_hours__range', (1, 168)), models.Q(models.Q(models.Q(('watches', 'metric'), _negated=True), ('pipeline', None)), ('window_hours__lte', 24), _connector='OR')), name='alert_window_bounded'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('hold_minutes__lte', 10080)), name='alert_hold_bounded'),
        ),
    ]
