"""Prompts are templates of strangers too: strict about what is missing, closed to Python, bounded in all they do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ai.template import TemplateFault, check, render

VALUES: dict[str, Any] = {"inputs": {"name": "Ada", "items": [1, 2]}, "context": ["first", "second"]}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello {{ inputs.name }}!", "Hello Ada!"),
        ("{% for note in context %}- {{ note }}\n{% endfor %}", "- first\n- second\n"),
        ("{{ inputs }}", '{"name": "Ada", "items": [1, 2]}'),
        ("{{ inputs['items']|tojson }}", "[1, 2]"),
        ("{{ [1]|tojson(indent=10**9) }}", "[\n        1\n]"),
        ("{{ inputs|tojson(indent=1) }}", '{\n "name": "Ada",\n "items": [\n  1,\n  2\n ]\n}'),
        ("{{ missing|default('none') }}, {{ inputs.age is defined }}", "none, false"),
        ("{% if inputs.age is defined %}{{ inputs.age }}{% endif %}", ""),
        ("{% macro loud(word) %}{{ word|upper }}{% endmacro %}{{ loud(inputs.name) }}", "ADA"),
        ("{{ '{{ name }}' }} {# not shown #}", "{{ name }} "),
        ("{{ '\\u0000' }}", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_prompt_is_rendered(source: str, text: str) -> None:
    assert render(source, VALUES) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ missing }}",
        "{{ inputs.missing }}",
        "{{ missing.deeper.still }}",
        "{{ 'a' ~ missing }}",
        "{{ 'a' + missing }}",
        "{{ missing|upper }}",
        "{{ [missing]|join }}",
        "{{ {'a': missing} }}",
        "{{ missing.get('a') }}",
        "{% if missing %}a{% endif %}",
        "{% if missing == 1 %}a{% endif %}",
        "{% for a in missing %}{% endfor %}",
    ],
)
def test_what_is_missing_is_an_error_that_names_it(source: str) -> None:
    with pytest.raises(TemplateFault, match="missing"):
        render(source, VALUES)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a\n{{ inputs.age }}", "line 2: there is no 'age' in an object that has name, items"),
        ("{% macro a() %}\n\n{{ none_such }}{% endmacro %}\n{{ a() }}", "line 3: 'none_such' is undefined"),
        ("a\nb\n{{ range(10**9) }}", "line 3: range() gives more than 1,000 numbers"),
        ("\n{% include 'settings.py' %}", "line 2: there are no other templates to take in"),
        ("{{ {}.age }}", "line 1: there is no 'age' in an object that has nothing"),
    ],
)
def test_what_fails_while_it_is_rendered_says_in_which_line(source: str, reason: str) -> None:
    with pytest.raises(TemplateFault) as fault:
        render(source, VALUES)

    assert str(fault.value) == reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% if %}", "line 1"),
        ("a\n{% nothing %}", "line 2"),
        ("{% text 'a' %}", "unknown tag"),
        ("{{ 'a'|nothing }}", "nothing"),
        ("x" * 200_001, "200,000"),
        ("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", "deep"),
    ],
)
def test_a_template_that_cannot_be_read_says_where(source: str, reason: str) -> None:
    with pytest.raises(TemplateFault, match=reason):
        check(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ inputs.__class__.__mro__ }}",
        "{{ range.__globals__ }}",
        "{{ inputs|attr('__class__') }}",
        "{% include 'settings.py' %}",
        "{% import 'os' as os %}",
        "{{ range(10**9) }}",
        "{{ 'a' * 10**9 }}",
        "{{ 9 ** 999999999 }}",
        "{{ 'a'|center(10**9) }}",
        "{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40,
        "{% set x = [1] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
        "{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
        "{% for a in range(999) %}{% for b in range(999) %}{{ b }}{% endfor %}{% endfor %}",
        "{% for a in range(900) %}{{ '" + "x" * 5_000 + "' }}{% endfor %}",
    ],
)
def test_there_is_no_way_out_and_no_way_to_run_long(source: str) -> None:
    with pytest.raises(TemplateFault):
        render(source, VALUES)


def test_a_template_cannot_change_what_it_is_given() -> None:
    values: dict[str, Any] = {"inputs": {"items": [1]}}

    assert render("{% set x = inputs['items'].append(2) %}{{ inputs['items'] }}", values) == "[1, 2]"

    assert values == {"inputs": {"items": [1]}}


@given(st.recursive(st.none() | st.booleans() | st.integers(-999, 999) | st.text(), st.lists, max_leaves=5))
def test_values_are_shown_and_never_run(value: Any) -> None:
    assert "{{" not in render("{{ 'a' }}{{ x|replace('{{', '') if x is string else '' }}", {"x": value})
    assert render("{{ x }}{{ '' }}", {"x": "{{ inputs.name }}"}) == "{{ inputs.name }}"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}\0\r"), max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert render(text, {}) == text.removesuffix("\n")
