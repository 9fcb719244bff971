"""Starting a pipeline on a design that is named by its address: what the API, schedules and batches do."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from pipelines import engine
from pipelines.designs.errors import DesignError
from pipelines.designs.loader import is_address, load_design
from pipelines.errors import DesignRefused
from pipelines.models import PipelineRun, PipelineVersion
from pipelines.switches import require_logging


def start(
    *,
    version: PipelineVersion,
    source: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    started_by: User | None = None,
    run_group_id: uuid.UUID | None = None,
    idempotency_key: str | None = None,
    priority: int = 0,
    any_version: bool = False,
    folder: Path | None = None,
) -> PipelineRun:
    """Take the design in, where there is one, and start the run; its inputs then carry ``source`` too.

    With a ``folder`` a source that is no address is a file, by its path from there; whoever may choose it may read it.
    Nothing is fetched for a run that the key has already started. ``any_version``: nobody named the version, so the
    key's run is the one whichever it had. Raises what ``engine.start_run`` raises, and ``DesignRefused``; then no run
    was made.
    """
    require_logging(pipeline_id=version.pipeline_id, user=started_by)
    inputs = {**(inputs or {}), **({"source": source} if source else {})}
    made = engine.made_before(
        version=version,
        idempotency_key=idempotency_key,
        inputs=inputs,
        params=params or {},
        any_version=any_version,
        any_design=True,
    )
    if made is not None:
        return made
    try:
        allow_private = settings.DESIGN_ALLOW_PRIVATE_ADDRESSES
        design = load_design(_place(source, folder), allow_private=allow_private) if source else None
    except DesignError as refusal:
        raise DesignRefused(refusal) from refusal
    return engine.start_run(
        version=version,
        design=design,
        started_by=started_by,
        run_group_id=run_group_id,
        idempotency_key=idempotency_key,
        priority=priority,
        inputs=inputs,
        params=params,
        any_version=any_version,
    )


def _place(source: str, folder: Path | None) -> str:
    return source if folder is None or is_address(source) else str(folder / source)
