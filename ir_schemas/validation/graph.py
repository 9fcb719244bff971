"""A schema as a graph: nodes are subschemas, and references are followed to what they name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from config.json_pointer import escape_token
from ir_schemas.validation import keywords
from ir_schemas.validation.engines import Check, Engine, Library, Resources, Schema, SchemaRefused, registry_of

if TYPE_CHECKING:
    from referencing._core import Resolver  # the library gives its resolvers no public name

ROOT_URI = "urn:schema"  # the base of a schema that gives itself no $id
_BESIDE_REFERENCE = {
    *keywords.ASSERTIONS,
    *keywords.APPLY_SCHEMA,
    *keywords.APPLY_LIST,
    *keywords.APPLY_MAP,
    "$dynamicRef",
}


class DanglingReference(ValueError):
    """A `$ref` that leads nowhere. `location` is where it stands."""

    def __init__(self, location: str, reference: str) -> None:
        super().__init__(reference)
        self.location = location
        self.reference = reference


class Node:
    """One subschema in its place: the document it stands in, its JSON Pointer there, and how to resolve its refs."""

    __slots__ = ("assertions", "check", "has_check", "key", "pointer", "resolver", "schema", "uri")

    def __init__(self, schema: Schema, uri: str, pointer: str, resolver: "Resolver[Any]", key: object) -> None:
        self.schema = schema
        self.uri = uri
        self.pointer = pointer
        self.resolver = resolver
        self.key = key
        self.assertions: Check | None = None
        self.check: Check | None = None
        self.has_check = False


class Edge(NamedTuple):
    """A way from one node to another: by which keyword, and whether the value stays the same."""

    keyword: str
    in_place: bool
    target: Node


class SchemaGraph:
    """The subschemas of one schema, made as they are asked for. `size` counts the JSON objects in the schema."""

    def __init__(self, schema: Schema, resources: Resources, engine: Engine, *, assert_formats: bool = True) -> None:
        root = DRAFT202012.create_resource(schema)
        self.root_uri = root.id() or ROOT_URI
        self._documents = {**resources, self.root_uri: schema}
        self._engine = engine
        self._assert_formats = assert_formats
        self._made_library: Library | None = None
        self._nodes: dict[object, Node] = {}
        self._targets: dict[tuple[object, str], Node] = {}
        self._places: dict[int, tuple[str, str]] = {}
        self._extents: dict[int, int] = {}
        self._small: dict[tuple[str, str], Check] = {}
        self._dynamic_references: set[str] = set()
        for uri, document in self._documents.items():
            self._index(uri, document)
        self.size = len(self._places)
        resolver = registry_of(self._documents).resolver(self.root_uri)
        self.root = self._node(schema, self.root_uri, "", resolver)
        self._splits_scope = self._may_mean_another(schema)

    def location(self, node: Node, *tokens: object) -> str:
        """Return where a node, or a keyword in it, stands: a JSON Pointer, after a URI if in another document."""
        pointer = node.pointer + "".join(f"/{escape_token(token)}" for token in tokens)
        return pointer if node.uri == self.root_uri else f"{node.uri}#{pointer}"

    def child(self, node: Node, *tokens: Any) -> Node:
        """Return the subschema that stands in `node` under these keys."""
        schema: Any = node.schema
        for token in tokens:
            schema = schema[token]
        pointer = node.pointer + "".join(f"/{escape_token(token)}" for token in tokens)
        resolver = node.resolver
        if isinstance(schema, dict) and "$id" in schema:
            resolver = resolver.in_subresource(DRAFT202012.create_resource(schema))
        return self._node(schema, node.uri, pointer, resolver)

    def follow(self, node: Node, keyword: str) -> Node:
        """Return what the node's `$ref` or `$dynamicRef` names. Raises DanglingReference."""
        target = self._targets.get((node.key, keyword))
        if target is None:
            target = self._targets[node.key, keyword] = self._resolve(node, keyword)
        return target

    def nodes(self) -> Iterator[Node]:
        """Yield every subschema met so far."""
        return iter(list(self._nodes.values()))

    def edges(self, node: Node) -> Iterator[Edge]:
        """Yield the ways out of a node that validation may take. Raises DanglingReference."""
        if isinstance(node.schema, bool):
            return
        for keyword, value in node.schema.items():
            for tokens in _subschemas(keyword, value):
                yield Edge(keyword, keyword in keywords.IN_PLACE, self.child(node, keyword, *tokens))
            if keyword in keywords.REFERENCES:
                yield Edge(keyword, True, self.follow(node, keyword))

    def check(self, node: Node) -> Check | None:
        """Return the engine's own yes-or-no for one node, or None where it can't be had outside its dynamic scope."""
        if not node.has_check:
            node.check = self.check(self.follow(node, "$ref")) if _only_refers(node.schema) else self._compile(node)
            node.has_check = True
        return node.check

    def extent(self, node: Node) -> int:
        """Return how many objects the engine must go through to build a node's check; 0 if that has been done."""
        if node.has_check or isinstance(node.schema, bool):
            return 0
        if _only_refers(node.schema):
            return self.extent(self.follow(node, "$ref"))
        return self._extents.get(id(node.schema), self.size)

    def assertions(self, node: Node) -> Check:
        """Return the check of all the keywords in a node that need no other schema."""
        if node.assertions is None:
            assert isinstance(node.schema, dict)  # noqa: S101 - a bool asserts by itself
            own = {keyword: node.schema[keyword] for keyword in keywords.ASSERTIONS if keyword in node.schema}
            node.assertions = self._library.compile(own) if own else _accept
        return node.assertions

    def assertion(self, node: Node, keyword: str) -> Check:
        """Return the check of one such keyword."""
        assert isinstance(node.schema, dict)  # noqa: S101 - a bool asserts by itself
        return self._small_check(self.location(node), keyword, node.schema[keyword])

    def matches(self, pattern: str, text: str) -> bool:
        """Tell whether a regular expression is found in a text, as the engine understands both."""
        return self._small_check(pattern, "pattern", pattern)(text)

    @property
    def _library(self) -> Library:
        if self._made_library is None:  # only for documents that don't match, so many schemas never need one
            self._made_library = self._engine.library(self._documents, assert_formats=self._assert_formats)
        return self._made_library

    def _small_check(self, place: str, keyword: str, value: Any) -> Check:
        check = self._small.get((place, keyword))
        if check is None:
            check = self._small[place, keyword] = self._library.compile({keyword: value})
        return check

    def _compile(self, node: Node) -> Check | None:
        if self._dynamic_references and (self._splits_scope or node.uri != self.root_uri):
            return None
        reference = f"{node.uri}#{quote(node.pointer, safe='/~')}"
        try:
            return self._library.compile({"$ref": reference})
        except SchemaRefused:
            return None

    def _resolve(self, node: Node, keyword: str) -> Node:
        assert isinstance(node.schema, dict)  # noqa: S101 - a bool has no references
        reference = node.schema[keyword]
        try:
            resolved = node.resolver.lookup(reference)
        except (Unresolvable, ValueError) as error:
            raise DanglingReference(self.location(node, keyword), reference) from error
        contents: Any = resolved.contents
        if not isinstance(contents, (dict, bool)):
            raise DanglingReference(self.location(node, keyword), reference)
        if id(contents) not in self._places:
            self._index(reference.partition("#")[0] or node.uri, contents)
        uri, pointer = self._places.get(id(contents)) or (node.uri, reference.partition("#")[2])
        return self._node(contents, uri, pointer, resolved.resolver)

    def _node(self, schema: Schema, uri: str, pointer: str, resolver: "Resolver[Any]") -> Node:
        key = (uri, pointer, _outermost_first(resolver) if self._dynamic_references else ())
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Node(schema, uri, pointer, resolver, key)
        return node

    def _index(self, uri: str, document: Schema) -> None:
        """Note where every object of a document stands. Without recursion: a document may be any shape."""
        order: list[dict[str, Any] | list[Any]] = []
        stack: list[tuple[Any, str]] = [(document, "")]
        while stack:
            value, pointer = stack.pop()
            if isinstance(value, dict):
                order.append(value)
                self._places.setdefault(id(value), (uri, pointer))
                if isinstance(value.get("$dynamicRef"), str):
                    self._dynamic_references.add(value["$dynamicRef"].rpartition("#")[2])
                stack.extend((child, f"{pointer}/{escape_token(key)}") for key, child in value.items())
            elif isinstance(value, list):
                order.append(value)
                stack.extend((child, f"{pointer}/{index}") for index, child in enumerate(value))
        for container in reversed(order):
            self._extents[id(container)] = self._extent(container)

    def _extent(self, container: dict[str, Any] | list[Any]) -> int:
        if isinstance(container, list):
            return sum(self._extents.get(id(child), 0) for child in container)
        if "$ref" in container or "$dynamicRef" in container:
            return len(self._places)
        return 1 + sum(self._extents.get(id(child), 0) for child in container.values())

    def _may_mean_another(self, schema: Schema) -> bool:
        """Tell whether a `$dynamicRef` can lead elsewhere when a node is entered by itself, through the root document.

        The outermost resource that has the anchor wins, so there is no such danger where the root has them all.
        """
        root_anchor = schema.get("$dynamicAnchor") if isinstance(schema, dict) else None
        return any(name != root_anchor for name in self._dynamic_references)


def _only_refers(schema: Schema) -> bool:
    """Tell whether a schema says no more than what its `$ref` names."""
    return isinstance(schema, dict) and "$ref" in schema and schema.keys().isdisjoint(_BESIDE_REFERENCE)


def _subschemas(keyword: str, value: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the keys under which an applying keyword holds its subschemas."""
    if keyword in keywords.APPLY_SCHEMA:
        yield ()
    elif keyword in keywords.APPLY_LIST:
        yield from ((index,) for index in range(len(value)))
    elif keyword in keywords.APPLY_MAP:
        yield from ((name,) for name in value)


def _outermost_first(resolver: "Resolver[Any]") -> tuple[str, ...]:
    """Return the dynamic scope with each resource once, where it was first entered: what decides a `$dynamicRef`."""
    return tuple(dict.fromkeys(reversed([uri for uri, _ in resolver.dynamic_scope()])))


def _accept(_value: Any) -> bool:
    return True
