"""Designs in storage: taking one in, and opening it again on whatever machine a step runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from config.outages import is_outage
from pipelines.designs.bundle import DesignBundle
from pipelines.models import DesignSplit


@contextmanager
def taken_in(bundle: DesignBundle | None) -> Iterator[DesignSplit | None]:
    """Store the bundle for a run that begins in the block; gives its ``DesignSplit``, which the block is to save.

    Where the block fails the file goes again, unless the database went away: then the run may have begun.
    """
    if bundle is None:
        yield None
        return
    design = _stored(bundle)
    try:
        yield design
    except Exception as error:
        if not is_outage(error):
            design.bundle.delete(save=False)
        raise


def _stored(bundle: DesignBundle) -> DesignSplit:
    design = DesignSplit(
        name=bundle.name,
        kind=bundle.kind,
        base_url=bundle.base_url or "",
        entry=bundle.entry,
        sha256=bundle.sha256,
        status=DesignSplit.Status.PROCESSING,
    )
    design.bundle.name = default_storage.save(f"designs/{design.pk}.zip", ContentFile(bundle.to_zip()))
    return design


def open_bundle(design: DesignSplit) -> DesignBundle:
    """The bundle as it was taken in."""
    with design.bundle.open("rb") as file:
        data = file.read()
    return DesignBundle.from_zip(
        data,
        kind="image" if design.kind == DesignSplit.Kind.IMAGE else "html",
        name=design.name,
        entry=design.entry,
        base_url=design.base_url or None,
    )
