"""``manage.py flags``."""

from io import StringIO
from itertools import count
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from monitoring.flags import Key, decide, state_of
from monitoring.targeting import bucket
from tests.factories import AIPromptFactory, PipelineDefinitionFactory, UserFactory

pytestmark = pytest.mark.django_db
OPEN = "MONITORING_API_ENABLED"
RUN = UUID(int=7)
WHY = ("--reason", "canary")


def run(*words: str) -> str:
    out = StringIO()
    call_command("flags", *words, stdout=out)
    return out.getvalue()


def test_list_names_every_flag_with_its_value_and_where_it_comes_from() -> None:
    run("set", "REVIEW_ENABLED", "on", *WHY)

    lines = run("list").splitlines()

    assert [line.split()[0] for line in lines] == Key.values
    assert "set live on" in next(line for line in lines if line.startswith("REVIEW_ENABLED"))


def test_set_and_unset() -> None:
    run("set", OPEN, "on", *WHY)
    assert decide(Key.MONITORING_API_ENABLED).is_on

    assert "environment's default, off." in run("unset", OPEN, *WHY)
    assert "Nothing had been set" in run("unset", OPEN, *WHY)
    assert not decide(Key.MONITORING_API_ENABLED).is_on


def test_rules_are_added_explained_and_removed() -> None:
    ada = UserFactory(username="ada")
    ada.groups.add(Group.objects.create(name="testers"))
    pipeline, prompt = PipelineDefinitionFactory(key="one"), AIPromptFactory(process__key="extract", version=3)
    run("add-rule", OPEN, "group:testers", "on", *WHY)
    run("add-rule", OPEN, "percentage:0", "on", *WHY)
    run("add-rule", OPEN, "user:ada", "off", "--position", "1", *WHY)
    run("add-rule", OPEN, f"pipeline:{pipeline.key}", "on", *WHY)
    run("add-rule", OPEN, f"prompt:{prompt}", "on", *WHY)

    assert "is off: rule 1, for user ada" in run("explain", OPEN, "--user", "ada")
    run("remove-rule", OPEN, "1", *WHY)
    assert "is on: rule 1, for group testers" in run("explain", OPEN, "--user", "ada")
    assert "is on: rule 3, for pipeline one" in run("explain", OPEN, "--pipeline", "one")
    assert "is on: rule 4, for prompt extract@3" in run("explain", OPEN, "--prompt", "extract@3")
    assert "is off: the environment's default" in run("explain", OPEN)


def test_for_all_takes_the_rules_away_with_the_value_that_is_set() -> None:
    for value in ("on", "off"):
        run("add-rule", OPEN, "percentage:100", value, *WHY)
        assert f"is {value} for all." in run("set", OPEN, value, "--for-all", *WHY)
        assert f"is {value}: set live" in run("explain", OPEN, "--run", f"{RUN}")

    run("add-rule", OPEN, "percentage:100", "on", *WHY)
    run("unset", OPEN, "--for-all", *WHY)
    assert "is off: the environment's default" in run("explain", OPEN, "--run", f"{RUN}")


def test_a_run_draws_its_own_lot() -> None:
    ada = UserFactory(username="ada")
    other = next(run_id for run_id in map(UUID, map("{:032x}".format, count())) if lot(run_id) > lot(ada.pk))
    run("add-rule", OPEN, f"percentage:{lot(ada.pk) / 100 + 0.01:.2f}", "on", *WHY)

    assert "is on: rule 1" in run("explain", OPEN, "--user", "ada")
    assert "is off: " in run("explain", OPEN, "--user", "ada", "--run", f"{other}")


def lot(who: int | UUID) -> int:
    return bucket(OPEN, f"run:{who}" if isinstance(who, UUID) else f"user:{who}")


def test_a_rule_that_is_there_stays_and_another_for_the_same_is_refused() -> None:
    UserFactory(username="ada")
    run("add-rule", OPEN, "percentage:5", "on", *WHY)

    for words in (("user:ada", "on"), ("user:ada", "on"), ("user:ada", "on", "--position", "2")):
        assert "Rule 2 of" in run("add-rule", OPEN, *words, *WHY)
    for words in (("user:ada", "off"), ("user:ada", "on", "--position", "1")):
        with pytest.raises(CommandError, match="Rule 2 of MONITORING_API_ENABLED is for the same and says on"):
            run("add-rule", OPEN, *words, *WHY)
    assert [rule.value for rule in state_of(OPEN).rules] == ["on", "on"]


@pytest.mark.django_db(transaction=True)
def test_the_history_of_a_user_who_is_gone() -> None:
    boss, ada = UserFactory(username="boss"), UserFactory(username="ada")
    run("add-rule", OPEN, "user:ada", "off", "--reason", "not she", "--as", "boss")
    gone = {"boss": f"user {boss.pk}, who is gone", "ada": f"user {ada.pk}, which is gone"}
    boss.delete()
    ada.delete()

    shown = run("show", OPEN)

    assert f"not signed in: for {gone['ada']}, off to none: gone with the user" in shown
    assert f"{gone['boss']}: for {gone['ada']}, none to off: not she" in shown


@pytest.mark.django_db(transaction=True)
def test_show_tells_the_rules_and_the_whole_history() -> None:
    UserFactory(username="boss")
    UserFactory(username="ada")
    run("set", OPEN, "on", "--reason", "first try", "--as", "boss")
    run("add-rule", OPEN, "user:ada", "off", "--reason", "not she", "--as", "boss")
    run("remove-rule", OPEN, "1", "--reason", "she too")
    run("unset", OPEN, "--reason", "enough")

    shown = run("show", OPEN)

    told = [line.partition(" ")[2].partition(" ")[2] for line in shown.partition("history:\n")[2].strip().split("\n  ")]
    assert told == [
        "not signed in: for all, on to the environment's default: enough",
        "not signed in: for user ada, off to none: she too",
        "boss: for user ada, none to off: not she",
        "boss: for all, the environment's default to on: first try",
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("set", OPEN, "enforce", *WHY), "can be on, off"),
        (("set", OPEN, "on", "--reason", " "), "Say why"),
        (("set", OPEN, "on", "--reason", "x" * 501), "has 501 characters; it may have 500"),
        (("add-rule", OPEN, "percentage:5", "on", "--reason", "x" * 501), "501 characters"),
        (("explain", OPEN, "--run", "x"), "invalid UUID"),
        (("set", OPEN, "on", *WHY, "--as", "nobody"), "no user 'nobody'"),
        (("set", "NO_SUCH_FLAG", "on", *WHY), "invalid choice"),
        (("add-rule", OPEN, "ada", "on", *WHY), "does not say whom"),
        (("add-rule", OPEN, "user:nobody", "on", *WHY), "no user 'nobody'"),
        (("add-rule", OPEN, "prompt:extract", "on", *WHY), "extract@3"),
        (("add-rule", OPEN, "percentage:101", "on", *WHY), "from 0 to 100"),
        (("add-rule", OPEN, "percentage:1.005", "on", *WHY), "two decimals"),
        (("add-rule", OPEN, "percentage:NaN", "on", *WHY), "no percentage"),
        (("remove-rule", OPEN, "1", *WHY), "has no rule 1"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run(*words)
