"""What a step handed over, held against the contract before anything is made of it, whoever wrote the step."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NoReturn, get_args

from pipelines.audit import CHECK_STATUS
from pipelines.steps.contract import (
    GeneratedArtifactOutput,
    Output,
    OutputFile,
    Prompted,
    SplitAssetOutput,
    StepError,
    StepResult,
    Usage,
    ValidationResultOutput,
)

OUTPUTS = get_args(Output)


def checked(handed: Any) -> StepResult:
    """The same, where it is what the contract says. Raises ``StepError`` in words for who wrote the step."""
    if not isinstance(handed, StepResult):
        _refuse(handed, f"A step returns a StepResult, and this one returned {_kind(handed)}.")
    if not isinstance(handed.ir, dict):
        fault = f"An IR is a JSON object, and this one is {_kind(handed.ir)}. Put it into a member."
        _refuse(handed, fault, code="ir-not-an-object")
    if not isinstance(handed.usage, Usage | None):
        _refuse(handed, f"The usage of a step is a Usage or None, and this one is {_kind(handed.usage)}.")
    if not isinstance(handed.prompted, Prompted | None):
        _refuse(handed, f"What a model was asked is a Prompted or None, and this is {_kind(handed.prompted)}.")
    if not isinstance(handed.outputs, list | tuple):
        _refuse(handed, f"The outputs of a step are a list, and these are {_kind(handed.outputs)}.")
    for place, output in enumerate(handed.outputs):
        for fault in _faults(output):
            _refuse(handed, f"outputs[{place}] {fault}")
    return handed


def files_of(output: Output) -> Sequence[OutputFile]:
    """The files of an output; most kinds have none."""
    if isinstance(output, SplitAssetOutput):
        return [output.file] if output.file is not None else []
    return output.files if isinstance(output, GeneratedArtifactOutput) else []


def _faults(output: Any) -> Iterator[str]:
    if type(output) not in OUTPUTS:
        kinds = ", ".join(kind.__name__ for kind in OUTPUTS)
        yield f"is {_kind(output)}. An output is one of {kinds}."
        return
    if isinstance(output, ValidationResultOutput) and output.status not in list(CHECK_STATUS):
        yield f"has the status {output.status!r:.80}. It is one of {', '.join(CHECK_STATUS)}."
    if isinstance(output, GeneratedArtifactOutput) and not isinstance(output.files, list | tuple):
        yield f"has files that are {_kind(output.files)}. They are a list of OutputFile."
        return
    for file in files_of(output):
        if not isinstance(file, OutputFile):
            yield f"has a file that is {_kind(file)}. It is an OutputFile."
        elif not _is_below(file.path):
            yield f"has a file at {file.path!r:.200}. A path is relative, and leads out of no folder."


def _is_below(path: Any) -> bool:
    if not isinstance(path, str) or "\\" in path or "\0" in path:
        return False
    parts = PurePosixPath(path)
    return bool(parts.name) and not parts.is_absolute() and ".." not in parts.parts


def _refuse(handed: Any, message: str, *, code: str = "result-invalid") -> NoReturn:
    prompted = getattr(handed, "prompted", None)
    raise StepError(code, message, prompted=prompted if isinstance(prompted, Prompted) else None)


def _kind(value: Any) -> str:
    return type(value).__name__
