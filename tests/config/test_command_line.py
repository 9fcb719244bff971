"""How commands end that the terminal or the database cuts off: in words, by the door that people use."""

import os
import subprocess
import sys

import pytest
from django.db import connection

AWAY = "postgres://nobody@127.0.0.1:1/none"
# A process that is started in the background ignores the signal, unless it says otherwise.
INTERRUPTS_ITSELF = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); signal.raise_signal(signal.SIGINT)"
)


def start(*arguments: str, database: str = AWAY) -> subprocess.Popen[str]:
    surroundings = {**os.environ, "DATABASE_URL": database}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_leaves_ends_the_command_without_a_word(unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with start("help") as command:
        assert command.stdout is not None
        assert command.stderr is not None

        command.stdout.close()

        assert command.stderr.read() == ""
    assert command.returncode == 141


def test_a_pipe_that_broke_elsewhere_is_no_reader_who_left() -> None:
    command = start("shell", "--verbosity=0", "-c", "raise BrokenPipeError('elsewhere')")

    _, said = command.communicate()

    assert "BrokenPipeError: elsewhere" in said
    assert command.returncode == 1


def test_an_interrupt_is_said_in_a_word() -> None:
    command = start("shell", "--verbosity=0", "-c", INTERRUPTS_ITSELF)

    _, said = command.communicate()

    assert (said, command.returncode) == ("Interrupted.\n", 130)


def test_a_database_that_is_away_is_named_with_a_remedy_and_traced_on_request() -> None:
    _, said = start("flags", "list").communicate()
    assert said.startswith("manage.py: connection failed")
    assert "DATABASE_URL" in said
    assert "Traceback" not in said

    _, traced = start("flags", "--traceback", "list").communicate()
    assert "Traceback" in traced


@pytest.mark.django_db
def test_a_database_without_tables_is_told_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")

    command = start("flags", "list", database=own_database())
    _, said = command.communicate()

    assert "manage.py migrate" in said
    assert "Traceback" not in said
    assert command.returncode == 1


@pytest.mark.django_db
def test_a_database_of_which_too_little_may_be_done_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c role=pg_monitor")

    _, said = start("flags", "list", database=own_database()).communicate()

    assert said.startswith("manage.py: permission denied")
    assert "must own the database" in said


@pytest.mark.django_db
def test_a_server_without_an_extension_is_told_where_to_get_it() -> None:
    make = "from django.db import connection; connection.cursor().execute('CREATE EXTENSION nothing_such')"

    _, said = start("shell", "--verbosity=0", "-c", make, database=own_database()).communicate()

    assert "Install pgvector" in said
    assert "Traceback" not in said


@pytest.mark.django_db
def test_an_argument_that_is_no_text_is_named() -> None:
    command = start("flags", "explain", "REVIEW_ENABLED", "--user", os.fsdecode(b"\xff"), database=own_database())
    _, said = command.communicate()

    assert said.startswith("manage.py: '\\udcff' is not UTF-8")
    assert "Traceback" not in said
    assert command.returncode == 1


@pytest.mark.parametrize("database", ["mysql://root@127.0.0.1/irline", "sqlite:///irline.db", "irline"])
def test_only_a_postgresql_will_do(database: str) -> None:
    _, said = start("flags", "list", database=database).communicate()

    assert "DATABASE_URL must name a PostgreSQL" in said
    assert "Traceback" not in said


def own_database() -> str:
    """The address of the test's own."""
    server = connection.settings_dict
    place = f"host={server['HOST']}&port={server['PORT'] or 5432}"
    return f"postgres://{server['USER']}:{server['PASSWORD']}@/{server['NAME']}?{place}"
