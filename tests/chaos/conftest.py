"""What the chaos tests report, the counts that each came to, and what they run on."""

import signal

import pytest

from tests.chaos.soundness import SEEN


@pytest.fixture(scope="session")
def commits() -> str:
    """As in production."""
    return "synchronous_commit=on"


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell has what it starts in the background ignore the signal, and all that is started from there with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("counts")
    for line in SEEN:
        terminalreporter.line(line)
