from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.db.backends.signals import connection_created

from config.connections import tell


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"
    verbose_name = "irline"

    def ready(self) -> None:
        connection_created.connect(tell)


class AdminConfig(DjangoAdminConfig):
    default_site = "config.sites.Site"
