"""What the chaos tests report: the counts that each came to."""

import pytest

from tests.chaos.soundness import SEEN


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("counts")
    for line in SEEN:
        terminalreporter.line(line)
