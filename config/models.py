"""Abstract bases that every table shares."""

import uuid
from datetime import datetime
from typing import Any

import uuid_utils
from django.db import models
from django.utils import timezone
from uuid_utils import compat

from config.canonical import canonical_json, hash_of_canonical


def uuid7() -> uuid.UUID:
    """A time-ordered id, made here rather than in the database so that ``bulk_create`` knows it."""
    return compat.uuid7()


def uuid7_text() -> str:
    """As ``uuid7``, for rows that are written as JSON; it costs a quarter."""
    return str(uuid_utils.uuid7())


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The smallest id that can have been made at ``moment``."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


class Record(models.Model):
    """A row with a UUIDv7 key and the time it was made."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering = ("-id",)


def weight_of(body: Any) -> dict[str, Any]:
    """The columns of ``Weighed`` that say what a body was: its size and hash in its canonical form."""
    text = canonical_json(body)
    return {"size_bytes": len(text), "content_hash": hash_of_canonical(text)}


class Weighed(models.Model):
    """A row whose body can be pruned: it keeps its size in bytes and its hash when the body is gone."""

    size_bytes = models.PositiveIntegerField(default=0, editable=False)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    pruned_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def weigh(self, body: Any) -> None:
        """Take size and hash from ``body``, in its canonical form."""
        self.size_bytes, self.content_hash = weight_of(body).values()
