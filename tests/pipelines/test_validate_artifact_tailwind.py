"""Our reading of Tailwind classes against what the engine itself said of them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.steps.validate_artifact.tailwind.engine import design_system, is_tailwind_class, split_outside_brackets

# Written by benchmarks/tailwind_classes.py.
VERDICTS = json.loads(Path(__file__).with_name("tailwind_verdicts.json").read_text())
ACCEPTED = sorted(name for name, accepted in VERDICTS["accepted"].items() if accepted and is_tailwind_class(name))


def test_we_agree_with_the_engine_on_99_of_100_classes() -> None:
    verdicts = VERDICTS["accepted"]
    wrong = [name for name, accepted in verdicts.items() if is_tailwind_class(name) != accepted]
    assert VERDICTS["engine"] == design_system().version
    assert len(wrong) <= 0.01 * len(verdicts), wrong


@pytest.mark.parametrize(
    "name",
    [
        "flex",
        "p-4",
        "p-13",
        "-mt-2.5",
        "w-7/12",
        "bg-red-500/40",
        "bg-[#123]/[.3]",
        "text-lg/7",
        "text-[length:var(--x)]",
        "grid-cols-[1fr_2fr]",
        "[mask-type:alpha]",
        "md:hover:underline",
        "group-hover/card:p-4",
        "data-[open]:flex!",
        "[&_p]:mt-4",
        "@md:flex",
        "supports-[display:grid]:grid",
        "group",
        "peer/name",
        "content-['a:b']",
        "p-(--gap)",
    ],
)
def test_classes_of_every_form_are_known(name: str) -> None:
    assert is_tailwind_class(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "navbar",
        "p-",
        "p-4-",
        "p-3.3",
        "-p-4",
        "w-7/12/3",
        "bg-red-500/33.3",
        "bg-red-550",
        "p-[]",
        "p-[a;b]",
        "p-[(a]",
        "foo:flex",
        "hover::flex",
        ":flex",
        "md:",
        "MD:flex",
        "md:group",
        "[color:]",
        "text-lg/huge",
        "p-4/50",
        "fa-home",
        "p-(gap)",
        "data-[]:flex",
        "nth-foo:flex",
        "p-4!!",
        "hover/x:flex",
    ],
)
def test_classes_the_engine_refuses_are_not(name: str) -> None:
    assert not is_tailwind_class(name)


@given(st.sampled_from(ACCEPTED), st.sampled_from(["md", "hover", "dark", "[&_p]", "data-[open]", "max-lg"]))
def test_a_variant_before_a_class_changes_nothing(name: str, variant: str) -> None:
    assert is_tailwind_class(f"{variant}:{name}")
    assert not is_tailwind_class(f"no-{variant}:{name}")


@given(st.text(alphabet="p-4[](){}:/!'\"\\@&;ab.", max_size=60))
def test_any_text_gets_an_answer(name: str) -> None:
    assert is_tailwind_class(name) in (True, False)


@given(st.lists(st.text(alphabet="ab[](){}", max_size=8), min_size=1))
def test_cutting_loses_nothing(parts: list[str]) -> None:
    text = ":".join(parts)
    cut = split_outside_brackets(text, ":")
    assert cut is None or ":".join(cut) == text
