"""What the chaos tests report, the counts that each came to, and what they run on."""

import pytest

from tests.chaos.soundness import SEEN


@pytest.fixture(scope="session")
def commits() -> str:
    """As in production."""
    return "synchronous_commit=on"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("counts")
    for line in SEEN:
        terminalreporter.line(line)
