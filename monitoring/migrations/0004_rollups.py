from pathlib import Path

import django.db.models.deletion
import pgvector.django.vector
from django.db import migrations, models

SQL = Path(__file__).parent.parent / 'sql'
CELLS = (SQL / 'run_cells.sql').read_text()
MARKS = (SQL / 'rollup_marks.sql').read_text()
UNDO_CELLS = """
DROP VIEW monitoring_run_cells_v;
DROP VIEW monitoring_latency_buckets_v;
DROP FUNCTION monitoring_latency_bucket(double precision);
"""
UNDO_MARKS = """
DROP FUNCTION monitoring_mark_new(), monitoring_mark_old(), monitoring_mark_both(), monitoring_forget_all() CASCADE
"""
# Runs that are there already are read from their rows until they are folded.
BACKLOG = """
INSERT INTO monitoring_rollupmark (period) SELECT DISTINCT date_trunc('hour', started_at, 'UTC') FROM test_run
"""


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0003_test_run_recorded_once'),
        ('pipelines', '0002_carry_fills_test_run_columns'),
    ]

    operations = [
        migrations.CreateModel(
            name='RollupMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('period', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='RunRollup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('grain', models.CharField(choices=[('hour', 'Hour'), ('day', 'Day')], max_length=4)),
                ('slice', models.CharField(choices=[('all', 'All'), ('prompt', 'By prompt'), ('model', 'By model'), ('prompt_model', 'By prompt and model')], max_length=12)),
                ('period', models.DateTimeField(help_text='When the hour or the day begins.')),
                ('type', models.CharField(choices=[('ai', 'AI'), ('quality', 'Quality')], max_length=8)),
                ('model', models.CharField(blank=True, max_length=200)),
                ('runs', models.PositiveIntegerField()),
                ('running', models.PositiveIntegerField()),
                ('passed', models.PositiveIntegerField()),
                ('failed', models.PositiveIntegerField()),
                ('errored', models.PositiveIntegerField()),
                ('validated', models.PositiveIntegerField(help_text='Runs whose IR was checked.')),
                ('valid', models.PositiveIntegerField()),
                ('metered', models.PositiveIntegerField(help_text='Runs that said how many tokens went in.')),
                ('tokens_in', models.PositiveBigIntegerField()),
                ('tokens_out', models.PositiveBigIntegerField()),
                ('tokens_cached', models.PositiveBigIntegerField()),
                ('tokens_reasoning', models.PositiveBigIntegerField()),
                ('priced', models.PositiveIntegerField()),
                ('unpriced', models.PositiveIntegerField(help_text='Runs that name a model and have no cost.')),
                ('cost_usd', models.DecimalField(decimal_places=8, max_digits=20)),
                ('timed', models.PositiveIntegerField()),
                ('latency_ms', models.FloatField()),
                ('latencies', pgvector.django.vector.VectorField(dimensions=160, null=True)),
                ('scored_overall', models.PositiveIntegerField()),
                ('score_overall', models.FloatField()),
                ('scored_html', models.PositiveIntegerField()),
                ('score_html', models.FloatField()),
                ('scored_accessibility', models.PositiveIntegerField()),
                ('score_accessibility', models.FloatField()),
                ('scored_performance', models.PositiveIntegerField()),
                ('score_performance', models.FloatField()),
                ('scored_hubspot', models.PositiveIntegerField()),
                ('score_hubspot', models.FloatField()),
                ('scored_seo', models.PositiveIntegerField()),
                ('score_seo', models.FloatField()),
                ('scored_tailwind', models.PositiveIntegerField()),
                ('score_tailwind', models.FloatField()),
            ],
            options={
                'ordering': ('-period', '-id'),
            },
        ),
        migrations.AddField(
            model_name='runrollup',
            name='prompt',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pipelines.aiprompt'),
        ),
        migrations.AddConstraint(
            model_name='runrollup',
            constraint=models.UniqueConstraint(fields=('grain', 'slice', 'period', 'type', 'prompt', 'model'), name='one_rollup_per_cell', nulls_distinct=False),
        ),
        migrations.RunSQL(CELLS, UNDO_CELLS),
        migrations.RunSQL(MARKS, UNDO_MARKS),
        migrations.RunSQL(BACKLOG, migrations.RunSQL.noop),
    ]
