"""Feature flags in the admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from monitoring.flags import Key, Who, add_rule, decide, set_flag
from monitoring.models import FeatureFlag, FlagRule
from tests.factories import UserFactory
from tests.queries import queries_of_page

pytestmark = pytest.mark.django_db
LIST = "/admin/monitoring/featureflag/"


def page(key: Key = Key.PIPELINE_LOGGING_ENABLED) -> str:
    return reverse("admin:monitoring_flag", args=[key])


def text(answer: HttpResponse) -> str:
    return answer.content.decode()


def test_a_flag_set_here_holds_at_once_and_names_who_set_it_and_why(client: Client, boss: User) -> None:
    fields = {"does": "set", "value": "on", "reason": "trying it out"}

    assert client.post(page(), fields).status_code == 302

    assert decide(Key.PIPELINE_LOGGING_ENABLED).is_on
    assert FeatureFlag.objects.get().updated_by == boss
    shown = text(client.get(page()))
    assert f"<td>{boss.username}</td><td>for all</td><td>the environment&#x27;s default</td><td>on</td>" in shown
    assert "trying it out" in shown


def test_the_environment_s_default_comes_back(client: Client, boss: User) -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="x")

    client.post(page(), {"does": "set", "value": "default", "reason": "enough"})

    assert not FeatureFlag.objects.exists()
    assert "enough" in text(client.get(page()))


def test_rules_are_added_and_removed_here(client: Client, boss: User) -> None:
    UserFactory(username="ada")
    fields = {"does": "add-rule", "who": "user", "name": "ada", "value": "on", "reason": "a canary"}

    assert client.post(page(), fields).status_code == 302
    assert "User ada" in text(client.get(page()))
    assert FlagRule.objects.get().created_by == boss

    fields = {"does": "remove-rule", "rule": f"{FlagRule.objects.get().pk}", "reason": "over"}
    assert client.post(page(), fields).status_code == 302
    assert not FlagRule.objects.exists()


def test_a_rule_that_went_meanwhile_is_not_taken_for_the_one_in_its_place(client: Client, boss: User) -> None:
    first, second = (
        add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.USER, target=user, value="on", reason="x")
        for user in UserFactory.create_batch(2)
    )
    fields = {"does": "remove-rule", "rule": f"{first.pk}", "reason": "over"}

    assert [client.post(page(), fields).status_code for _ in range(2)] == [302, 200]
    assert FlagRule.objects.get() == second


def test_a_value_is_set_for_all_by_those_who_may_take_rules_away(client: Client) -> None:
    clerk = UserFactory(is_staff=True)
    client.force_login(clerk)
    box = 'name="for_all"'
    fields = {"does": "set", "value": "off", "reason": "rollback", "for_all": "on"}
    add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.USER, target=clerk, value="on", reason="x")

    for held, stay in (("view_featureflag change_featureflag", 1), ("delete_flagrule", 0)):
        clerk.user_permissions.add(*Permission.objects.filter(codename__in=held.split()))
        assert (box in text(client.get(page()))) == (not stay)
        assert client.post(page(), fields).status_code == 302
        assert FlagRule.objects.count() == stay
    assert box not in text(client.get(page()))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"does": "set", "value": "on"}, "This field is required"),
        ({"does": "set", "value": "enforce", "reason": "x"}, "enforce is not one of the available choices"),
        ({"does": "add-rule", "who": "user", "name": "ada", "value": "on", "reason": "x"}, "There is no user"),
        ({"does": "add-rule", "who": "percentage", "name": "many", "value": "on", "reason": "x"}, "is no percentage"),
        ({"does": "set", "value": "on", "reason": "x" * 501}, "at most 500 characters"),
        ({"does": "remove-rule", "rule": "1", "reason": "x"}, "1 is not one of the available choices"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    fields: dict[str, str], complaint: str, client: Client, boss: User
) -> None:
    add_rule(key=Key.REVIEW_ENABLED, who=Who.USER, target=boss, value="on", reason="another flag's")

    answer = client.post(page(), fields)

    assert complaint in text(answer)
    assert not FeatureFlag.objects.exists()
    assert FlagRule.objects.count() == 1


def test_the_page_says_what_somebody_would_get(client: Client, boss: User) -> None:
    add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.USER, target=boss, value="on", reason="x")

    assert f"Rule 1, for user {boss.username}." in text(client.get(page(), {"user": boss.username}))
    assert "There is no user &#x27;nobody&#x27;." in text(client.get(page(), {"user": "nobody"}))
    assert "The environment&#x27;s default" in text(client.get(page(), {"user": ""}))
    assert "Enter a valid UUID" in text(client.get(page(), {"run": "x"}))


def test_the_list_names_every_flag_and_leads_to_its_page(client: Client, boss: User) -> None:
    shown = text(client.get(LIST))

    assert all(f'href="{page(key)}"' in shown for key in Key)
    assert client.get(f"{LIST}flag/NO_SUCH_FLAG").status_code == 404


def test_each_form_asks_for_its_permission(client: Client) -> None:
    clerk = UserFactory(is_staff=True)
    client.force_login(clerk)
    assert client.get(page()).status_code == 403

    clerk.user_permissions.add(Permission.objects.get(codename="view_featureflag"))
    assert '<form method="post" class="flag-form"' not in text(client.get(page()))
    for does in ("set", "add-rule", "remove-rule", "nonsense"):
        assert client.post(page(), {"does": does, "value": "on", "reason": "x"}).status_code == 403
    assert not FeatureFlag.objects.exists()


def test_the_page_costs_the_same_for_many_changes(client: Client, boss: User) -> None:
    def queries() -> int:
        return queries_of_page(client, page())

    def change(times: int) -> None:
        for number in range(times):
            target = UserFactory()
            set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason=f"{number}", user=target)
            add_rule(key=Key.PIPELINE_LOGGING_ENABLED, who=Who.USER, target=target, value="on", reason="x", user=target)

    change(2)
    for_two = queries()
    change(12)

    assert queries() == for_two
