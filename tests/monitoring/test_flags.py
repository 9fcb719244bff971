"""Flags: live values, rules, and the reason of each decision."""

from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config.problems import InvalidInput, NotFound
from monitoring import flags
from monitoring.flags import Key, Who, add_rule, decide, remove_rule, set_flag, unset_flag
from monitoring.models import FlagRule
from tests.factories import AIPromptFactory, PipelineDefinitionFactory, UserFactory

pytestmark = pytest.mark.django_db
OPEN = Key.MONITORING_API_ENABLED


def rule(target: Any, value: str = "on", who: Who = Who.USER, key: Key = OPEN, position: int | None = None) -> FlagRule:
    return add_rule(key=key, who=who, target=target, value=value, reason="a test", position=position)


def test_without_anything_set_the_environment_decides(settings: LazySettings) -> None:
    settings.MONITORING_API_ENABLED = False
    assert decide(OPEN).reason == "the environment's default, as nothing was set live"
    settings.MONITORING_API_ENABLED = True
    assert decide(OPEN).value == "on"


def test_a_rule_goes_before_the_live_value_and_says_so() -> None:
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    set_flag(key=OPEN, value="off", reason="not yet")
    rule(ada)

    assert decide(OPEN, user_id=ada.pk) == flags.Decision(OPEN, "on", "rule 1, for user ada")
    assert "not yet" in decide(OPEN, user_id=bob.pk).reason
    assert not decide(OPEN).is_on


def test_each_kind_of_rule_finds_whom_it_is_for() -> None:
    group = Group.objects.create(name="testers")
    member = UserFactory()
    member.groups.add(group)
    pipeline, prompt = PipelineDefinitionFactory(key="one"), AIPromptFactory()
    mode = Key.IR_VALIDATION_MODE
    rule(group, "log", Who.GROUP, mode)
    rule(pipeline, "enforce", Who.PIPELINE, mode)
    rule(prompt, "off", Who.PROMPT, mode)

    assert decide(mode, user_id=member.pk) == flags.Decision(mode, "log", "rule 1, for group testers")
    assert decide(mode, pipeline_id=pipeline.pk) == flags.Decision(mode, "enforce", "rule 2, for pipeline one")
    assert decide(mode, prompt_id=prompt.pk).reason == f"rule 3, for prompt {prompt}"
    assert decide(mode, user_id=UserFactory().pk).reason.startswith("the environment")


def test_a_decision_costs_one_query_and_one_more_for_the_groups_where_they_matter() -> None:
    ada = UserFactory()
    for target, who, expected in ((ada, Who.USER, 1), (Group.objects.create(name="x"), Who.GROUP, 2)):
        rule(target, who=who)
        with CaptureQueriesContext(connection) as queries:
            decide(OPEN, user_id=ada.pk)
        assert len(queries) == expected


def test_rules_keep_their_order_when_one_comes_between_and_one_goes() -> None:
    first, second, third = (UserFactory(username=name) for name in ("a", "b", "c"))
    rule(first)
    rule(third)
    rule(second, position=2)
    assert [each.whom for each in flags.state_of(OPEN).rules] == ["user a", "user b", "user c"]

    remove_rule(key=OPEN, position=1, reason="done")
    assert [(each.position, each.whom) for each in flags.state_of(OPEN).rules] == [(1, "user b"), (2, "user c")]
    with pytest.raises(NotFound, match="no rule 7"):
        remove_rule(key=OPEN, position=7, reason="done")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"value": "enforce"}, "can be on, off"),
        ({"reason": " "}, "Say why"),
        ({"target": Decimal("100.01")}, "from 0 to 100"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_words(change: dict[str, Any], complaint: str) -> None:
    given = {"key": OPEN, "who": Who.PERCENTAGE, "target": Decimal(5), "value": "on", "reason": "x", **change}

    with pytest.raises(InvalidInput, match=complaint):
        add_rule(**given)
    assert not FlagRule.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"who": "user"},
        {"who": "percentage", "percentage": Decimal(101)},
        {"who": "user", "percentage": Decimal(5)},
        {"who": "percentage", "percentage": Decimal(5), "value": "log"},
        {"who": "percentage", "percentage": Decimal(5), "key": "IR_VALIDATION_MODE"},
    ],
)
def test_the_database_refuses_a_rule_that_makes_no_sense(broken: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        FlagRule.objects.create(**{"key": OPEN, "position": 1, "value": "on", "reason": "x", **broken})


def test_unsetting_gives_the_default_back() -> None:
    set_flag(key=OPEN, value="on", reason="try")

    assert unset_flag(key=OPEN, reason="enough")
    assert not unset_flag(key=OPEN, reason="enough")
    assert decide(OPEN).reason.startswith("the environment's default")
