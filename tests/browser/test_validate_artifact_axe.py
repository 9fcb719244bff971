"""Accessibility as axe-core judges it in Chromium, and our static rules held against it."""

from typing import Any

import pytest

from pipelines.designs.rendering import find_browser
from pipelines.steps.contract import StepContext
from pipelines.steps.validate_artifact import validate_artifact
from tests.pipelines.generated_modules import generated
from tests.pipelines.test_validate_artifact_rules import EXAMPLES, Example

pytestmark = pytest.mark.skipif(find_browser() is None, reason="There is no Chromium on this machine.")

# Rules of our own, and rules that axe decides by what a medium really plays.
OURS_ALONE = {"image-alt-file-name", "click-without-keyboard", "video-caption", "no-autoplay-audio"}
SHARED = sorted(
    rule.removeprefix("accessibility/")
    for rule in EXAMPLES
    if rule.startswith("accessibility/") and rule.removeprefix("accessibility/") not in OURS_ALONE
)


def judge(example: Example) -> dict[str, Any]:
    params = {"rendering": "auto", "subject": "page" if example.page else "module"}
    return validate_artifact(StepContext(item=generated(example.rendered, **example.parts), params=params)).ir


def broken_rules(ir: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in ir["findings"] if finding["category"] == "accessibility"}


@pytest.mark.parametrize("rule", SHARED)
def test_axe_and_the_static_rules_agree_on_the_examples(rule: str) -> None:
    bad, good = EXAMPLES[f"accessibility/{rule}"]
    assert f"axe/{rule}" in broken_rules(judge(bad))
    assert f"axe/{rule}" not in broken_rules(judge(good))


def test_axe_sees_what_markup_does_not_tell() -> None:
    faint = Example('<p class="faint">Hello</p>', parts={"css": ".faint{color:#ccc;background:#fff}"})
    ir = judge(faint)
    engine = next(engine for engine in ir["engines"] if engine["category"] == "accessibility")
    assert engine["name"] == "axe-core"
    assert engine["note"].startswith("in chromium ")
    assert broken_rules(ir) == {"axe/color-contrast"}
    assert ir["scores"]["accessibility"] == 85


def test_a_sound_module_is_not_blamed_for_not_being_a_page() -> None:
    ir = judge(Example("<h3>Bread</h3><p>Baked at night.</p>"))
    assert ir["scores"]["accessibility"] == 100


@pytest.mark.parametrize("trap", ["<script>while (true) {}</script>", "<script>window.axe = null</script>"])
def test_scripts_of_the_module_do_not_disturb_the_check(trap: str) -> None:
    ir = judge(Example(f"<img src='a'>{trap}"))
    assert broken_rules(ir) == {"axe/image-alt"}


def test_the_same_module_gets_the_same_findings() -> None:
    example = Example("<img src='a'><a href='#'></a><button></button>")
    assert judge(example) == judge(example)
