"""The libraries that decide whether a document matches a schema, behind one door so that either can go.

An engine answers yes or no and nothing else. Explaining is our own work (`explain`), because the libraries' own errors
embed documents and can take exponential time on recursive unions.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Protocol

import jsonschema_rs
import referencing.jsonschema
from jsonschema_specifications import REGISTRY as SPECIFICATIONS  # type: ignore[import-untyped]

from ir_schemas.validation.lookahead import without_lookahead

Schema = dict[str, Any] | bool
Resources = Mapping[str, Schema]
Check = Callable[[Any], bool]


class SchemaRefused(ValueError):
    """An engine can't build a validator from a schema. The message is the library's own, for logs and not for users."""


class Library(Protocol):
    """An engine that knows some schemas by URI. It is made once for all the checks that refer to them."""

    def compile(self, schema: Schema) -> Check:
        """Build the yes-or-no check of a schema. Raises SchemaRefused."""
        ...


class Engine(Protocol):
    """One validation library: draft 2020-12, formats asserted unless told otherwise, nothing ever fetched."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def library(self, resources: Resources, *, assert_formats: bool = True) -> Library:
        """Take in whole schemas by URI: all that a `$ref` may reach. Raises SchemaRefused."""
        ...


class RustEngine:
    """jsonschema-rs: compiled, and the one in use."""

    name = "jsonschema-rs"
    version = version("jsonschema-rs")

    def library(self, resources: Resources, *, assert_formats: bool = True) -> "RustLibrary":
        return RustLibrary(resources, assert_formats)


class RustLibrary:
    # Rust's `regex` takes time in proportion to pattern size times text length (`cost` bounds the product). A pattern
    # that needs backtracking is refused: no limit on backtracking bounds the time it takes over long strings. Only
    # look-ahead at the start of a pattern is read, as the several patterns it comes to.
    _patterns = jsonschema_rs.RegexOptions(size_limit=5_000_000, dfa_size_limit=2_000_000)

    def __init__(self, resources: Resources, assert_formats: bool) -> None:
        self._assert_formats = assert_formats
        try:
            known = [(uri, without_lookahead(schema)) for uri, schema in resources.items()]
            self._registry = jsonschema_rs.Registry(known) if known else None
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaRefused(str(error)) from error

    def compile(self, schema: Schema) -> Check:
        try:
            validator = jsonschema_rs.Draft202012Validator(
                without_lookahead(schema),
                validate_formats=self._assert_formats,
                offline=True,
                registry=self._registry,
                pattern_options=self._patterns,
            )
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaRefused(str(error)) from error
        return validator.is_valid


class PythonEngine:
    """jsonschema: the fallback, and the oracle in tests. Its patterns are Python's own: their time is not bounded."""

    name = "jsonschema"
    version = version("jsonschema")

    def library(self, resources: Resources, *, assert_formats: bool = True) -> "PythonLibrary":
        return PythonLibrary(resources, assert_formats)


class PythonLibrary:
    def __init__(self, resources: Resources, assert_formats: bool) -> None:
        # Its checker of IRIs works out a grammar when it is imported: 3 s that whoever does not fall back is spared.
        import jsonschema

        self._refusal = jsonschema.SchemaError
        self._validator = jsonschema.Draft202012Validator
        self._assert_formats = assert_formats
        self._registry = registry_of(resources)

    def compile(self, schema: Schema) -> Check:
        try:
            self._validator.check_schema(schema)
        except self._refusal as error:
            raise SchemaRefused(error.message) from error
        formats = self._validator.FORMAT_CHECKER if self._assert_formats else None
        return self._validator(schema, registry=self._registry, format_checker=formats).is_valid


def registry_of(resources: Resources) -> referencing.jsonschema.SchemaRegistry:
    """Return a registry that knows the given schemas and the metaschemas, and fetches nothing."""
    create = referencing.jsonschema.DRAFT202012.create_resource
    known: referencing.jsonschema.SchemaRegistry = SPECIFICATIONS
    return known.with_resources((uri, create(schema)) for uri, schema in resources.items()).crawl()


RUST = RustEngine()
PYTHON = PythonEngine()
METASCHEMAS: Resources = {uri: SPECIFICATIONS.contents(uri) for uri in SPECIFICATIONS if "/2020-12/" in uri}
