"""Designs in storage: taking one in, and opening it again on whatever machine a step runs."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from pipelines.designs.bundle import DesignBundle
from pipelines.models import DesignSplit


def take_in(bundle: DesignBundle) -> DesignSplit:
    """Store the bundle and make its ``DesignSplit`` for the run that begins. The caller holds the transaction."""
    design = DesignSplit(
        name=bundle.name,
        kind=bundle.kind,
        base_url=bundle.base_url or "",
        entry=bundle.entry,
        sha256=bundle.sha256,
        status=DesignSplit.Status.PROCESSING,
    )
    design.bundle.name = default_storage.save(f"designs/{design.pk}.zip", ContentFile(bundle.to_zip()))
    design.save(force_insert=True)
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
