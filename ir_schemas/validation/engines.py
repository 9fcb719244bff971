"""The libraries that decide whether a document matches a schema, behind one door so that either can go.

An engine answers yes or no and nothing else. Explaining is our own work (`explain`), because the libraries' own errors
embed documents and can take exponential time on recursive unions.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Protocol

import jsonschema
import jsonschema_rs
import referencing.jsonschema
from jsonschema.validators import SPECIFICATIONS

Schema = dict[str, Any] | bool
Resources = Mapping[str, Schema]
Check = Callable[[Any], bool]


class SchemaRefused(ValueError):
    """An engine can't build a validator from a schema. The message is the library's own, for logs and not for users."""


class Engine(Protocol):
    """One validation library: draft 2020-12, formats asserted, nothing ever fetched."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def compile(self, schema: Schema, resources: Resources) -> Check:
        """Build the yes-or-no check. `resources` are whole schemas by URI. Raises SchemaRefused."""
        ...


class RustEngine:
    """jsonschema-rs: compiled, and the one in use."""

    name = "jsonschema-rs"
    version = version("jsonschema-rs")

    # Rust's `regex` takes time in proportion to pattern size times text length; a pattern that needs backtracking
    # (look-around, back-references) is refused, as no limit on backtracking bounds the time on long strings.
    _patterns = jsonschema_rs.RegexOptions(size_limit=200_000, dfa_size_limit=2_000_000)

    def compile(self, schema: Schema, resources: Resources) -> Check:
        registry = jsonschema_rs.Registry(list(resources.items())) if resources else None
        try:
            validator = jsonschema_rs.Draft202012Validator(
                schema, validate_formats=True, offline=True, registry=registry, pattern_options=self._patterns
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaRefused(str(error)) from error
        return validator.is_valid


class PythonEngine:
    """jsonschema: the fallback, and the oracle in tests. Its patterns are Python's own: their time is not bounded."""

    name = "jsonschema"
    version = version("jsonschema")

    def compile(self, schema: Schema, resources: Resources) -> Check:
        validator_class = jsonschema.Draft202012Validator
        try:
            validator_class.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise SchemaRefused(error.message) from error
        return validator_class(
            schema, registry=registry_of(resources), format_checker=validator_class.FORMAT_CHECKER
        ).is_valid


def registry_of(resources: Resources) -> referencing.jsonschema.SchemaRegistry:
    """Return a registry that knows the given schemas and the metaschemas, and fetches nothing."""
    create = referencing.jsonschema.DRAFT202012.create_resource
    known: referencing.jsonschema.SchemaRegistry = SPECIFICATIONS
    return known.with_resources((uri, create(schema)) for uri, schema in resources.items()).crawl()


RUST = RustEngine()
PYTHON = PythonEngine()
