"""The walk of ``docs/ground-truth.md``: its commands in their order, and what it says between them over HTTP."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from feedback.models import GroundTruth, GroundTruthSet, ReviewFeedback, ReviewItem
from pipelines.models import PipelineVersion, StepDefinition

TEXT = (Path(__file__).parents[2] / "docs" / "ground-truth.md").read_text()
WALK = TEXT.partition("## 7. ")[2]
COMMANDS = [shlex.split(line)[1:] for line in re.findall(r"^manage\.py .*$", WALK, re.MULTILINE)]
VERSION = json.loads(re.search(r"```json\n(.*?)```", WALK, re.DOTALL)[1])  # type: ignore[index]


@pytest.fixture(autouse=True)
def without_a_browser(db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, media: Path) -> None:
    monkeypatch.setenv("IRLINE_CHROMIUM", "off")
    settings.INLINE_EXECUTOR_THREADS = 0


def command(capsys: pytest.CaptureFixture[str], name: str) -> tuple[str, int]:
    """Run the walk's next command, which must be this one: what it printed, and its exit status."""
    words = COMMANDS.pop(0)
    assert words[0] == name
    status = 0
    try:
        call_command(*words)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return capsys.readouterr().out, status


def post(client: Client, url: str, data: Any) -> str:
    """Send a form, and give back where it leads."""
    answer = client.post(url, data)
    refused = re.findall(r'role="alert">(.*?)</', answer.content.decode())
    assert answer.status_code == 302, refused
    return answer.headers["Location"]


def add_queue(client: Client) -> None:
    values = {"reviewers_per_item": 1, "reservation_minutes": 15, "adjudication": "on_disagreement", "is_active": "on"}
    rule = {"kind": "ir_artifact", "step": StepDefinition.objects.get(key="module_generate").pk}
    limits = {"share_percent": 100, "most_open": 200}
    question = {"label": "Does it show what the part shows?", "key": "faithful", "kind": "pass_fail", "order": 0}
    inline = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0, **{f"0-{key}": value for key, value in question.items()}}
    questions = {f"questions-{key}": value for key, value in inline.items()}
    names = {"name": "Modules", "key": "modules"}
    post(client, reverse("admin:feedback_reviewqueue_add"), {**names, **values, **rule, **limits, **questions})


def review_all(client: Client) -> None:
    """Accept every module but the header, whose field gets another label."""
    url = post(client, reverse("review:queue", args=["modules"]), {})
    while "/items/" in url:
        shown = client.get(f"/api/review-assignments/{url.split('/')[-2]}").json()
        assert shown["item"]["title"] in client.get(url).content.decode()
        given = {"verdict": "accept", "q.faithful": "pass"}
        if shown["item"]["title"].startswith("generate 1 "):
            corrected = json.dumps(shown["content"]["output"]).replace('"List entries"', '"Menu"', 1)
            given |= {"verdict": "correct", "correction": corrected}
        url = post(client, url, given)


def choose_all(client: Client, model: type[Any], action: str) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    chosen = [str(pk) for pk in model.objects.values_list("pk", flat=True)]
    post(client, reverse(name), {"action": action, "_selected_action": chosen})


def test_a_bad_output_leads_to_a_better_pipeline(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    command(capsys, "demo")
    command(capsys, "flags")
    client.force_login(User.objects.get(username="demo"))
    add_queue(client)
    assert "9" in command(capsys, "fill_queues")[0]
    review_all(client)
    assert ReviewItem.objects.filter(state="done").count() == 9

    choose_all(client, ReviewFeedback, "make_ground_truth")
    corrected = GroundTruth.objects.get(provenance__verdict="correct")
    assert [change["after"] for change in corrected.provenance["changes"]] == ["Menu"]
    post(client, reverse("admin:feedback_groundtruthset_add"), {"key": "workshop", "name": "Workshop", "tags": "[]"})
    choose_all(client, GroundTruth, "put_into_workshop")
    assert GroundTruthSet.objects.get().members.count() == 9

    for most in (3, 12):
        VERSION["dag"]["nodes"][0]["params"]["maxParts"] = most
        made = client.post("/api/pipelines/design_to_modules/versions", VERSION, content_type="application/json")
        assert made.status_code == 201, made.content
    said, status = command(capsys, "evaluate")
    assert ("worse" in said, status) == (True, 1)
    said, status = command(capsys, "evaluate")
    assert ("better" in said, "worse" in said, status) == (True, False, 0)
    assert "0.889" in said, "eight of nine are exactly right"

    activated = client.post("/api/pipelines/design_to_modules/versions/3/activate", content_type="application/json")
    assert activated.status_code == 200
    assert PipelineVersion.objects.get(pipeline__key="design_to_modules", is_active=True).version == 3
    assert COMMANDS == []
