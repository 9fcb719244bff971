from django.apps import AppConfig


class IRSchemasConfig(AppConfig):
    name = "ir_schemas"
    verbose_name = "IR schemas"
