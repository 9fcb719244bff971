"""Entry point for WSGI servers."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# What is loaded now stays. Without this the first request would load the views, and every collection walk through all
# that was loaded: a tenth of the time of a page.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
