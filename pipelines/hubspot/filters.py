"""HubL's filters, tests and functions, and the methods a template may call on text, lists and dictionaries.

Names are those HubSpot documents. One that needs HubSpot's own data, or whose cost cannot be bounded
(``regex_replace``), hands its input through unchanged: a module then still parses and renders its field values.
"""

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from itertools import islice
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import pass_environment
from jinja2.environment import Environment
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Undefined
from jinja2.tests import TESTS as JINJA_TESTS

from pipelines.hubspot.limits import MAX_RANGE, MAX_VALUE_CHARACTERS, MAX_VALUE_NODES, HublLimitError, budget, guard

_JINJA: dict[str, Any] = {**JINJA_FILTERS}
_JINJA_TESTS: dict[str, Any] = {**JINJA_TESTS}
_MAX_WIDTH = 1_000
_WIDEST_INDENT = 8
_UNSAFE_SCHEME = re.compile(r"^[\s\x00-\x1f]*(?:javascript|vbscript|data\s*:\s*text/html)", re.IGNORECASE)
_SCRIPTED = re.compile(
    r"<(script|iframe|object|embed)\b.*?(?:</\1\s*>|\Z)|\son[a-z]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)",
    re.IGNORECASE | re.DOTALL,
)


def text_of(value: Any) -> str:
    """How a value is written: ``true``/``false``, JSON for containers, and nothing for what is no data."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return json.dumps(guard(value), ensure_ascii=False, default=text_of)
    return str(guard(value)) if isinstance(value, str | int | float) else ""


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter ``function`` with its arguments and result guarded, and lazy results made into lists."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        budget().step()
        for argument in (*args, *kwargs.values()):
            guard(argument)
        result = function(*args, **kwargs)
        if isinstance(result, Iterable) and not isinstance(result, str | list | tuple | Mapping | Undefined):
            result = list(islice(result, MAX_VALUE_NODES + 1))
        return guard(result)

    return call


def _narrow(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` for a filter whose number is a width or a count: larger ones are refused."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(number, int) and abs(number) > _MAX_WIDTH for number in (*args, *kwargs.values())):
            raise HublLimitError(f"a width or count is larger than {_MAX_WIDTH:,}")
        return function(*args, **kwargs)

    return call


def escape_html(value: Any) -> str:
    return html.escape(text_of(value))


def escape_url(value: Any) -> str:
    """A URL for an attribute: spaces and quotes encoded, script URLs emptied."""
    url = text_of(value).strip()
    if _UNSAFE_SCHEME.match(url):
        return ""
    return html.escape(quote(url, safe="%/:=&?~#+!$,;'@()*[]"))


def escape_jinjava(value: Any) -> str:
    """Braces as character references, so that no text can be read as HubL when it is rendered again."""
    return text_of(value).replace("{", "&lbrace;").replace("}", "&rbrace;")


def sanitize_html(value: Any, *_: Any) -> str:
    return _SCRIPTED.sub("", text_of(value))


def replace(value: Any, old: Any, new: Any, *_: Any) -> str:
    text, old, new = text_of(value), text_of(old), text_of(new)
    if len(text) + (len(text) + 1) * len(new) > MAX_VALUE_CHARACTERS and text.count(old) * len(new) > (
        MAX_VALUE_CHARACTERS
    ):
        raise HublLimitError("a replacement grows past the size of a value")
    return text.replace(old, new)


def join(values: Any, separator: Any = "", attribute: str | None = None) -> str:
    between = text_of(separator)
    parts = [value.get(attribute) if attribute and isinstance(value, dict) else value for value in values or ()]
    if len(between) * len(parts) > MAX_VALUE_CHARACTERS:
        raise HublLimitError("a joined text grows past the size of a value")
    return between.join(text_of(part) for part in parts)


def split(value: Any, separator: Any = None, limit: int = 0) -> list[str]:
    return text_of(value).split(text_of(separator) or None, limit - 1 if limit else -1)


def _format(template: Any, *values: Any) -> str:
    remaining = iter(values)
    return re.sub(r"%[sd]", lambda _: text_of(next(remaining, "")), text_of(template))


def _convert_rgb(value: Any) -> str:
    digits = text_of(value).lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if not re.fullmatch(r"[0-9a-fA-F]{6}", digits):
        return ""
    return ", ".join(str(int(digits[start : start + 2], 16)) for start in (0, 2, 4))


def _number(value: Any, default: float = 0) -> Any:
    try:
        return guard(int(value)) if isinstance(value, str) and "." not in value else float(value)
    except (TypeError, ValueError, OverflowError):
        return default


def _unchanged(value: Any, *_: Any, **__: Any) -> Any:
    return value


def _parsed_json(value: Any) -> Any:
    try:
        return json.loads(text_of(value))
    except (ValueError, RecursionError):
        return None


@pass_environment
def _attribute(environment: Environment, value: Any, name: str) -> Any:
    return environment.getattr(value, name)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else list(value) if isinstance(value, Iterable) else [value]


def _set_operation(keep: Callable[[Any, list[Any]], bool]) -> Callable[[Any, Any], list[Any]]:
    def operate(values: Any, others: Any) -> list[Any]:
        other = _as_list(others)[:_MAX_WIDTH]
        return [value for value in _as_list(values)[:_MAX_WIDTH] if keep(value, other)]

    return operate


def _to_json(value: Any, indent: int | None = None) -> str:
    spaces = None if indent is None else min(max(int(indent), 0), _WIDEST_INDENT)
    return json.dumps(value, ensure_ascii=False, default=text_of, indent=spaces)


def _md5(value: Any) -> str:
    return hashlib.md5(text_of(value).encode(), usedforsecurity=False).hexdigest()


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "add": lambda value, other: _number(value) + _number(other),
    "attr": _attribute,
    "bool": lambda value: text_of(value).lower() in ("true", "1"),
    "convert_rgb": _convert_rgb,
    "cut": lambda value, old: replace(value, old, ""),
    "difference": _set_operation(lambda value, others: value not in others),
    "divide": lambda value, other: _number(value) / (_number(other) or 1),
    "divisible": lambda value, other: _number(value) % (_number(other) or 1) == 0,
    "e": escape_html,
    "escape": escape_html,
    "escape_attr": escape_html,
    "escape_html": escape_html,
    "escape_jinjava": escape_jinjava,
    "escape_js": lambda value: json.dumps(text_of(value))[1:-1],
    "escape_url": escape_url,
    "escapejs": lambda value: json.dumps(text_of(value))[1:-1],
    "escapejson": lambda value: json.dumps(text_of(value))[1:-1],
    "float": _number,
    "forceescape": escape_html,
    "format": _format,
    "fromjson": _parsed_json,
    "int": lambda value, default=0: int(_number(value, default)),
    "intersect": _set_operation(lambda value, others: value in others),
    "join": join,
    "md5": _md5,
    "multiply": lambda value, other: _number(value) * _number(other),
    "replace": replace,
    "reverse": lambda value: value[::-1] if isinstance(value, str | list) else _as_list(value)[::-1],
    "root": lambda value, degree=2: abs(_number(value)) ** (1 / (_number(degree) or 1)),
    "safe": _unchanged,
    "sanitize_html": sanitize_html,
    "split": split,
    "string": text_of,
    "tojson": _to_json,
    "trim": lambda value: text_of(value).strip(),
    "unescape_html": lambda value: html.unescape(text_of(value)),
    "union": lambda values, others: [*_as_list(values), *_as_list(others)],
    "urldecode": lambda value: unquote(text_of(value)),
    "urlencode": lambda value: quote(text_of(value), safe=""),
    "wordcount": lambda value: len(text_of(value).split()),
}
_NARROW_FILTERS = ("batch", "center", "indent", "round", "slice", "truncate")
_KEPT_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "groupby", "last", "length", "list", "lower"),
    *("map", "reject", "rejectattr", "select", "selectattr", "sort", "striptags", "sum", "title", "unique", "upper"),
)
_UNCHANGED_FILTERS = (
    *("allow_snake_case", "b64decode", "b64encode", "between_times", "date", "datetimeformat", "filesizeformat"),
    *("flatten", "format_currency", "format_currency_value", "format_date", "format_datetime", "format_number"),
    *("format_time", "fromyaml", "geo_distance", "ipaddr", "ipv4", "ipv6", "log", "minus_time", "plus_time", "pprint"),
    *("random", "regex_replace", "render", "shuffle", "strtodate", "strtotime", "symmetric_difference", "toyaml"),
    *("truncatehtml", "unixtimestamp", "urlize", "wordwrap", "xmlattr"),
)

FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _bounded(_unchanged) for name in _UNCHANGED_FILTERS},
    **{name: _bounded(_JINJA[name]) for name in _KEPT_FILTERS},
    **{name: _bounded(_narrow(_JINJA[name])) for name in _NARROW_FILTERS},
    **{name: _bounded(function) for name, function in _OWN_FILTERS.items()},
}


def _contains_all(values: Any, wanted: Any) -> bool:
    return all(value in values for value in _as_list(wanted)[:_MAX_WIDTH])


_OWN_TESTS: dict[str, Callable[..., Any]] = {
    "containing": lambda values, value: value in (values or ()),
    "containingall": _contains_all,
    "string_containing": lambda value, part: text_of(part) in text_of(value),
    "string_startingwith": lambda value, part: text_of(value).startswith(text_of(part)),
    "truthy": bool,
    "within": lambda value, values: value in (values or ()),
}
_KEPT_TESTS = (
    *("!=", "<", "<=", "==", ">", ">=", "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float"),
    *("ge", "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none"),
    *("number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper"),
)
TESTS: dict[str, Callable[..., Any]] = {
    **{name: _bounded(_JINJA_TESTS[name]) for name in _KEPT_TESTS},
    **{name: _bounded(test) for name, test in _OWN_TESTS.items()},
}


def _extend(values: list[Any], others: Any) -> None:
    values.extend(_as_list(guard(others)))
    guard(values)


def _append(values: list[Any], value: Any) -> None:
    values.append(value)
    guard(values)


def _insert(values: list[Any], index: int, value: Any) -> None:
    values.insert(index, value)
    guard(values)


def _update(mapping: dict[Any, Any], other: Any) -> None:
    mapping.update(other)
    guard(mapping)


def _put(mapping: dict[Any, Any], key: Any, value: Any) -> None:
    mapping[key] = value
    guard(mapping)


METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: {
        "endswith": lambda text, end: text.endswith(text_of(end)),
        "lower": str.lower,
        "replace": replace,
        "split": split,
        "startswith": lambda text, start: text.startswith(text_of(start)),
        "strip": lambda text: text.strip(),
        "upper": str.upper,
    },
    list: {
        "add": _append,
        "append": _append,
        "extend": _extend,
        "insert": _insert,
        "pop": lambda values, index=-1: values.pop(index) if values else None,
        "remove": lambda values, value: values.remove(value) if value in values else None,
        "size": len,
    },
    dict: {
        "get": lambda mapping, key, default=None: mapping.get(key, default),
        "items": lambda mapping: [list(pair) for pair in mapping.items()],
        "keys": list,
        "pop": lambda mapping, key: mapping.pop(key, None),
        "put": _put,
        "update": _update,
        "values": lambda mapping: list(mapping.values()),
    },
}


def method_of(value: Any, name: str) -> Callable[..., Any] | None:
    """The method ``name`` of a text, list or dictionary bound to ``value``, if templates may call it."""
    for kind, methods in METHODS.items():
        if isinstance(value, kind) and name in methods:
            return partial(methods[name], value)
    return None


def bounded_range(*bounds: Any) -> list[int]:
    """HubL's ``range``, which stops at 1,000 numbers too."""
    numbers = range(*(int(_number(bound)) for bound in bounds))
    if len(numbers) > MAX_RANGE:
        raise HublLimitError(f"range() gives more than {MAX_RANGE:,} numbers")
    return list(numbers)
