"""The modules of a run as one zip, laid out as HubSpot's CLI uploads them: ``modules/<name>.module/...``."""

import uuid
from collections.abc import Iterable, Iterator

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from config.zips import zip_bytes
from pipelines.models import GeneratedArtifact, PipelineRun
from pipelines.models.runs import OutputType
from pipelines.outputs import output_dir
from pipelines.selectors import output_ids

MODULE_TYPE = "hubspot_module"


def modules_zip(run_id: uuid.UUID) -> bytes | None:
    """The zip's bytes, or None for a run that made no module."""
    artifacts = GeneratedArtifact.objects.filter(
        pk__in=output_ids(run_id)[OutputType.GENERATED_ARTIFACT], type=MODULE_TYPE
    ).order_by("id")
    if not artifacts:
        return None
    return zip_bytes({f"modules/{path}": content for path, content in _files(artifacts)})


def write_modules_zip(run: PipelineRun) -> str | None:
    """Put the zip beside the run's other files; returns its storage name, or None where there is no module."""
    content = modules_zip(run.pk)
    if content is None:
        return None
    name = f"{output_dir(run.pk)}/modules.zip"
    default_storage.delete(name)
    return default_storage.save(name, ContentFile(content))


def _files(artifacts: Iterable[GeneratedArtifact]) -> Iterator[tuple[str, bytes]]:
    for artifact in artifacts:
        for path in artifact.meta["files"]:
            with default_storage.open(f"{artifact.content_url}/{path}") as file:
                yield path, file.read()
