"""Addresses under /api."""

from rest_framework.routers import SimpleRouter

from ir_schemas.api import viewsets

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("ir-schemas", viewsets.IRSchemaViewSet, basename="ir-schemas")
urlpatterns = router.urls
