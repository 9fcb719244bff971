"""From what a step gave back to rows and files: the domain outputs, and a link to each.

Files are stored before the transaction, under a path that belongs to one attempt only; rows are written inside it.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from pipelines.claims import Claim
from pipelines.handed import files_of
from pipelines.models import (
    GeneratedArtifact,
    ModuleTemplate,
    PipelineRun,
    SplitAsset,
    StepOutputLink,
    ValidationResult,
)
from pipelines.models.runs import OutputType
from pipelines.steps.contract import (
    GeneratedArtifactOutput,
    ModuleTemplateOutput,
    Output,
    OutputFile,
    SplitAssetOutput,
    ValidationResultOutput,
)

logger = logging.getLogger(__name__)

OutputRow = SplitAsset | ModuleTemplate | GeneratedArtifact | ValidationResult


def output_dir(run_id: uuid.UUID) -> str:
    """The storage folder of everything a run made."""
    return f"runs/{run_id}"


def attempt_dir(run_id: uuid.UUID, claim: Claim) -> str:
    """The storage folder of one attempt; no other attempt writes there."""
    node_key, map_index = claim.item
    place = node_key if map_index is None else f"{node_key}/{map_index:04d}"
    again = "" if claim.attempt == 1 else f".attempt-{claim.attempt}"
    return f"{output_dir(run_id)}/{place}{again}"


def store_files(run: PipelineRun, claim: Claim, outputs: Sequence[Output]) -> list[str]:
    """Write every file of the outputs to storage; returns the stored names. Where one can't be, none is left."""
    folder = attempt_dir(run.pk, claim)
    stored: list[str] = []
    try:
        for file in _files(outputs):
            name = f"{folder}/{file.path}"
            default_storage.delete(name)
            # What is written of a file before the disk is full is a file, too.
            stored.append(name)
            stored[-1] = default_storage.save(name, ContentFile(file.content))
    except BaseException:
        delete_files(stored)
        raise
    return stored


def delete_files(stored: Sequence[str]) -> None:
    """Take back what ``store_files`` wrote, when its transaction did not come to be. One that stays does no harm."""
    for name in stored:
        try:
            default_storage.delete(name)
        except OSError:
            logger.exception("%s cannot be deleted", name)


def write_outputs(run: PipelineRun, claim: Claim, outputs: Sequence[Output]) -> None:
    """Write the domain rows and one ``StepOutputLink`` for each. The caller holds the transaction."""
    writer = _Writer(run, attempt_dir(run.pk, claim))
    for output in sorted(outputs, key=_modules_first):
        writer.add(output)
    for model, rows in writer.rows.items():
        model._default_manager.bulk_create(rows)  # type: ignore[arg-type]
    StepOutputLink.objects.bulk_create(
        StepOutputLink(step_run_id=claim.step_run_id, target_type=OutputType(model.__name__), target_id=row.pk)
        for model, rows in writer.rows.items()
        for row in rows
    )


@dataclass
class _Writer:
    """Builds the rows; artifacts find the module they belong to by its output key."""

    run: PipelineRun
    folder: str
    rows: dict[type[OutputRow], list[OutputRow]] = field(
        default_factory=lambda: {ModuleTemplate: [], SplitAsset: [], GeneratedArtifact: [], ValidationResult: []}
    )
    modules: dict[str, uuid.UUID] = field(default_factory=dict)

    def add(self, output: Output) -> None:
        build: dict[type, Callable[..., OutputRow]] = {
            SplitAssetOutput: self._split_asset,
            ModuleTemplateOutput: self._module,
            GeneratedArtifactOutput: self._artifact,
            ValidationResultOutput: self._validation,
        }
        row = build[type(output)](output)
        self.rows[type(row)].append(row)

    def _split_asset(self, output: SplitAssetOutput) -> SplitAsset:
        if self.run.design_split_id is None:
            raise ValueError("a split asset belongs to a design, and this run has none")
        return SplitAsset(
            split_id=self.run.design_split_id,
            kind=output.kind,
            order=output.order,
            storage_url=f"{self.folder}/{output.file.path}" if output.file else "",
            meta={"key": output.key, **output.meta},
        )

    def _module(self, output: ModuleTemplateOutput) -> ModuleTemplate:
        module = ModuleTemplate(
            name=output.name,
            description=output.description,
            category=output.category,
            complexity=output.complexity,
            html_content=output.html_content,
            css_content=output.css_content,
            js_content=output.js_content,
            tags=list(output.tags),
        )
        self.modules[output.key] = module.pk
        return module

    def _artifact(self, output: GeneratedArtifactOutput) -> GeneratedArtifact:
        return GeneratedArtifact(
            design_split_id=self.run.design_split_id,
            module_id=self.modules.get(output.module_key) if output.module_key else None,
            type=output.type,
            content=output.content,
            content_url=self.folder if output.files else "",
            meta={"key": output.key, **output.meta, "files": [file.path for file in output.files]},
        )

    def _validation(self, output: ValidationResultOutput) -> ValidationResult:
        return ValidationResult(
            artifact_id=output.artifact_id,
            design_split_id=self.run.design_split_id,
            validator=output.validator,
            status=output.status,
            message=output.message,
            details=dict(output.details),
        )


def _modules_first(output: Output) -> bool:
    return not isinstance(output, ModuleTemplateOutput)


def _files(outputs: Sequence[Output]) -> Iterator[OutputFile]:
    for output in outputs:
        yield from files_of(output)
