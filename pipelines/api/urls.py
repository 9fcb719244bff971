"""Addresses under /api."""

from typing import Any

urlpatterns: list[Any] = []
