"""Templates of strangers: no way to Python, and no way to run long or grow large."""

import pytest

from pipelines.hubspot.template import HublRenderError, HublSyntaxError, parse_hubl


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''|attr('__class__') }}",
        "{{ module.__init__.__globals__ }}",
        "{{ [{'a': 1}]|map(attribute='__class__')|join }}",
        "{{ range.__globals__ }}{{ range }}{{ namespace.__init__ }}",
        "{% macro m() %}{% endmacro %}{{ m.__call__ }}{{ m._environment }}",
        "{{ self.__dict__ }}{{ self._TemplateReference__context }}",
        "{% set ns = namespace(a=1) %}{{ ns._Namespace__attrs }}{{ ns.__class__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ 'a'.upper }}{{ [].append }}",
        "{{ lipsum }}{{ cycler }}{{ joiner }}{{ dict }}",
    ],
)
def test_nothing_of_python_can_be_reached(source: str) -> None:
    assert parse_hubl(source).render({}) == ""


def test_loops_show_only_their_counters() -> None:
    template = parse_hubl("{% for x in [1] %}{{ loop.index }}{{ loop.__class__ }}{{ loop._iterable }}{% endfor %}")
    assert template.render({}) == "1"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ range(10**9) }}", "range()"),
        ("{{ 'a' * 10**9 }}", "number"),
        ("{{ [0] * 10**9 }}", "number"),
        ("{{ 9 ** 999999999 }}", "64 bits"),
        ("{% set n = namespace(x=3) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}", "larger"),
        ("{{ '%s' % ('a',) }}", "number"),
        ("{{ 'a'|center(10**9) }}", "width"),
        ("{{ 'a'|indent(10**9) }}", "width"),
        ("{{ [1]|slice(10**9) }}", "width"),
        ("{% set x = 'a' * 1 %}", "number"),
        ("{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40, "larger"),
        ("{% set x = 'abcdefgh' %}" + "{% set x = x + x %}" * 40, "larger"),
        ("{% set x = 'aaaaaaaa' %}" + "{% set x = x.replace('a', x) %}" * 9, "replacement"),
        ("{% set x = 'aaaaaaaa' %}" + "{% set x = x|list|join(x) %}" * 9, "larger|joined"),
        ("{% set x = [1] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}", "larger"),
        (
            "{% set x = [1] %}{% set y = [1] %}" + "{% set x = [x, x] %}{% set y = [y, y] %}" * 60 + "{{ x == y }}",
            "larger",
        ),
        ("{% set x = [] %}{% do x.append(x) %}", "larger"),
        ("{% set x = (1,) %}" + "{% set x = (x, x) %}" * 60 + "{{ {x: 1} }}", "unhashable"),
        ("{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}", "deep"),
        ("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "deep"),
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deep"),
        (
            "{% for a in range(999) %}{% for b in range(999) %}{{ b }}{% endfor %}{% endfor %}",
            "steps",
        ),
        (
            "{% for a in range(999) %}{% for b in range(90) %}" + "x" * 100_000 + "{% endfor %}{% endfor %}",
            "characters",
        ),
        ("{% for a in range(999) %}{{ '" + "x" * 100_000 + "' }}{% endfor %}", "characters"),
        ("{{ 1 / 0 }}", "zero"),
    ],
)
def test_a_rendering_that_would_run_long_or_grow_large_is_stopped(source: str, reason: str) -> None:
    template = parse_hubl(source)
    with pytest.raises(HublRenderError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        template.render({})


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
        "{{ " + "[" * 3_000 + "]" * 3_000 + " }}",
        "{{ " + "1+" * 20_000 + "1 }}",
        "{{ " + "!" * 20_000 + "1 }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500,
        "{% for a in [1] %}" * 500 + "{% endfor %}" * 500,
        "{{ " + "9" * 10_000 + " }}",
        "x" * 1_000_001,
        "{{ 1 }}" * 70_000,
    ],
)
def test_a_source_too_deep_or_too_large_is_refused(source: str) -> None:
    with pytest.raises(HublSyntaxError):
        parse_hubl(source)


def test_values_of_fields_are_shown_and_never_run() -> None:
    assert parse_hubl("{{ module.text }}").render({"text": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"
    escaped = parse_hubl("{{ module.text|escape_html|escape_jinjava }}").render({"text": "<{% x %}>"})
    assert escaped == "&lt;&lbrace;% x %&rbrace;&gt;"


@pytest.mark.parametrize("url", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_script_urls_are_emptied(url: str) -> None:
    assert parse_hubl("{{ module.url|escape_url }}").render({"url": url}) == ""


def test_sanitised_html_runs_no_script() -> None:
    dirty = '<p onclick="x()">a</p><script>b</script><img src=x onerror=y><iframe src=z></iframe>'
    assert parse_hubl("{{ module.body|sanitize_html }}").render({"body": dirty}) == "<p>a</p><img src=x>"
