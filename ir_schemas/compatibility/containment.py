"""A second opinion: the canonical containment of jsonschema-rs, asked in a process of its own.

It can take exponential time, in native code that nothing interrupts, and so runs where it can be killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ir_schemas.shapes import Schema

WORKER = Path(__file__).with_name("containment_worker.py")
LEAST_SECONDS = 0.12  # the time the process takes to start


@dataclass(frozen=True)
class Opinion:
    """`contained` is a claim of proof. `difference` accepts what the writer's schema alone accepts, or is None."""

    contained: bool
    difference: Schema | None


NO_OPINION = Opinion(contained=False, difference=None)


def second_opinion(writer: Schema, reader: Schema, seconds: float) -> Opinion:
    """Ask whether the reader's schema accepts all that the writer's does; no opinion if that takes too long."""
    if seconds < LEAST_SECONDS:
        return NO_OPINION
    question = json.dumps({"writer": writer, "reader": reader})
    command = [sys.executable, "-I", str(WORKER)]
    try:
        answer = subprocess.run(command, input=question, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return NO_OPINION
    if answer.returncode != 0 or not answer.stdout:
        return NO_OPINION
    opinion = json.loads(answer.stdout)
    return Opinion(opinion["contained"], opinion["difference"])
