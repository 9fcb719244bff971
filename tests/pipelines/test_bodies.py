"""Steps called in threads that can be left behind."""

import threading
from concurrent.futures import ThreadPoolExecutor

from config.models import uuid7
from pipelines import bodies
from pipelines.attempts import Attempt
from pipelines.claims import Claim
from pipelines.scheduling import Item
from pipelines.steps.contract import StepContext, StepResult

AT_ONCE = 40  # more than threads are kept
MEETING = threading.Barrier(AT_ONCE)


def meet(context: StepContext) -> StepResult:
    MEETING.wait(20)
    return StepResult(ir={"number": context.params["number"]})


def answer_of(number: int) -> int:
    attempt = Attempt(Claim(Item("a"), uuid7(), uuid7(), 1, {}, None), timeout_ms=20_000)
    context = StepContext(params={"number": number})
    return int(bodies.call(meet, f"{__name__}.meet", context, attempt, guarded=True).ir["number"])


def test_every_step_is_answered_however_many_there_were_at_once_before() -> None:
    with ThreadPoolExecutor(AT_ONCE) as callers:
        for _ in range(3):
            assert list(callers.map(answer_of, range(AT_ONCE))) == list(range(AT_ONCE))
