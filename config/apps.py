from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"
    verbose_name = "irline"


class AdminConfig(DjangoAdminConfig):
    default_site = "config.sites.Site"
