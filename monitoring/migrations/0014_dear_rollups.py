from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0013_cheaper_cells'),
    ]

    operations = [
        migrations.AlterField(
            model_name='runrollup',
            name='cost_usd',
            field=models.DecimalField(decimal_places=8, max_digits=28),
        ),
    ]
