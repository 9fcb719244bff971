"""The HubL dialect: Jinja's grammar with HubL's operators and tags, compiled for a sandbox.

What HubL adds to Jinja and this dialect reads: ``condition ? a : b``, ``&&``, ``||`` and ``!``; ``{{ }}`` inside string
literals; ``unless``, ``ifchanged``, ``cycle``, ``do``, ``break`` and ``continue``; and HubSpot's own tags, which take
``key=value`` pairs with or without commas. Includes and imports are read and give nothing: a module is looked at alone.

Every operation that could repeat or grow goes through ``limits``: the syntax tree is rewritten so that loops, joined
strings, comparisons and plain text are charged too, and attributes are looked up in ``filters.METHODS`` alone, never
on the Python object.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from jinja2 import FunctionLoader, TemplateSyntaxError, nodes, pass_environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension, LoopControlExtension, do
from jinja2.lexer import Lexer, _Rule
from jinja2.parser import Parser
from jinja2.runtime import ChainableUndefined, Context, LoopContext, Undefined
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import Namespace, missing
from jinja2.visitor import NodeTransformer

from pipelines.hubspot.filters import FILTERS, TESTS, bounded_range, method_of, text_of
from pipelines.hubspot.limits import HublLimitError, budget, guard, stepped

# Rendered in place of what they enclose: their body is the page's.
CONTAINER_TAGS = frozenset(
    {"dnd_area", "dnd_column", "dnd_grid_area", "dnd_grid_container", "dnd_grid_module", "dnd_grid_section"}
    | {"dnd_module", "dnd_row", "dnd_section", "flip", "module_block", "scope_css", "widget_block"}
    | {"widget_container", "widget_wrapper"}
)
# Their body goes elsewhere (the head, a module's attribute), so it is read and not shown in place.
DETACHED_TAGS = frozenset(
    {"content_attribute", "module_attribute", "require_css", "require_head", "require_js", "style_settings"}
    | {"targeted_module_attribute", "targeted_widget_attribute", "widget_attribute"}
)
SINGLE_TAGS = frozenset(
    {"blog_comments", "blog_post_summary_wrapper", "blog_social_sharing", "blog_subscribe", "boolean", "choice"}
    | {"color", "cta", "custom_widget", "email_simple_subscription", "email_subscriptions"}
    | {"email_subscriptions_confirmation", "follow_me", "form", "gallery", "global_block", "global_module"}
    | {"global_partial", "global_widget", "google_search", "header", "icon", "image", "image_slider", "image_src"}
    | {"include_dnd_grid_partial", "include_dnd_partial", "inline_image_field", "inline_rich_text"}
    | {"inline_richtext_field", "inline_text", "inline_text_field", "js_module", "js_partial", "language_switcher"}
    | {"linked_image", "logo", "member_login", "member_register", "menu", "module", "page_footer", "password_prompt"}
    | {"password_reset", "password_reset_request", "post_filter", "post_listing", "raw_html", "react_partial"}
    | {"related_blog_posts", "require_personalization_properties", "rich_text", "rss_listing", "section_header"}
    | {"simple_menu", "social_sharing", "space", "text", "textarea", "video_player", "cycle"}
)

_OPERATOR_NAMES = {"&&": ("name", "and"), "||": ("name", "or"), "!": ("hubl_not", "!"), "?": ("hubl_question", "?")}
_MAX_STRING_NESTING = 3
MAX_TOKENS = 50_000


class HublLexer(Lexer):
    """Jinja's lexer with the operators ``? && || !``. Reads one template, of at most 50,000 tokens."""

    def __init__(self, environment: "HublEnvironment") -> None:
        super().__init__(environment)
        self._tokens = 0
        rule = _Rule(re.compile(r"&&|\|\||\?|!(?!=)"), "hubl_operator", None)
        for state in ("block_begin", "variable_begin"):
            self.rules[state].insert(1, rule)

    def wrap(
        self, stream: Iterable[tuple[int, str, str]], name: str | None = None, filename: str | None = None
    ) -> Iterator[Any]:
        for token in super().wrap(_renamed(stream), name, filename):
            self._tokens += 1
            if self._tokens > MAX_TOKENS:
                raise TemplateSyntaxError(f"the template has more than {MAX_TOKENS:,} tokens", token.lineno)
            yield token


def _renamed(stream: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    for line, token, value in stream:
        yield (line, *_OPERATOR_NAMES[value]) if token == "hubl_operator" else (line, token, value)  # noqa: S105


class HublParser(Parser):
    """Jinja's parser with HubL's ternary, its tight ``!``, and ``{{ }}`` read inside string literals."""

    environment: "HublEnvironment"

    def __init__(self, environment: "HublEnvironment", source: str, *, string_nesting: int = 0) -> None:
        super().__init__(environment, source)
        self._string_nesting = string_nesting

    def parse_condexpr(self) -> nodes.Expr:
        condition = super().parse_condexpr()
        if self.stream.current.type != "hubl_question":
            return condition
        line = next(self.stream).lineno
        chosen = self.parse_condexpr()
        self.stream.expect("colon")
        return nodes.CondExpr(condition, chosen, self.parse_condexpr(), lineno=line)

    def parse_unary(self, with_filter: bool = True) -> nodes.Expr:
        if self.stream.current.type != "hubl_not":
            return super().parse_unary(with_filter)
        line = next(self.stream).lineno
        return nodes.Not(self.parse_unary(with_filter), lineno=line)

    def parse_primary(self, with_namespace: bool = False) -> nodes.Expr:
        node = super().parse_primary(with_namespace)
        if isinstance(node, nodes.Const) and isinstance(node.value, str) and "{{" in node.value:
            return self._read_string(node)
        return node

    def _read_string(self, literal: nodes.Const) -> nodes.Expr:
        if self._string_nesting >= _MAX_STRING_NESTING:
            return literal
        try:
            parser = HublParser(self.environment, literal.value, string_nesting=self._string_nesting + 1)
            body = parser.parse().body
        except TemplateSyntaxError:
            return literal
        pieces: list[nodes.Expr] = []
        for part in body:
            if not isinstance(part, nodes.Output):
                return literal
            pieces.extend(
                nodes.Const(piece.data) if isinstance(piece, nodes.TemplateData) else piece for piece in part.nodes
            )
        joined = nodes.Concat(pieces)
        joined.set_lineno(literal.lineno, override=True)
        return joined


class HublTags(Extension):
    """HubSpot's own tags. A container shows its body, a detached tag hides it, a single tag shows ``render_tag``."""

    tags: set[str] = {*CONTAINER_TAGS, *DETACHED_TAGS, *SINGLE_TAGS, "unless", "ifchanged"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        token = next(parser.stream)
        name, line = token.value, token.lineno
        if name == "unless":
            return self._parse_unless(parser, line)
        arguments = self._parse_arguments(parser)
        if name in SINGLE_TAGS:
            shown = nodes.Filter(nodes.Const(name), "hubl_tag", [], arguments, None, None, lineno=line)
            return nodes.Output([shown], lineno=line).set_lineno(line)
        body = parser.parse_statements((f"name:end_{name}", f"name:end{name}"), drop_needle=True)
        for argument in arguments:
            body.append(nodes.ExprStmt(argument.value, lineno=line))
        if name in DETACHED_TAGS:
            target = nodes.Name("hubl_detached", "store", lineno=line)
            return nodes.AssignBlock(target, None, body, lineno=line).set_lineno(line)
        return body

    def _parse_unless(self, parser: Parser, line: int) -> nodes.If:
        test = nodes.Not(parser.parse_expression(), lineno=line)
        body = parser.parse_statements(("name:else", "name:endunless"))
        otherwise: list[nodes.Node] = []
        if next(parser.stream).value == "else":
            otherwise = parser.parse_statements(("name:endunless",), drop_needle=True)
        return nodes.If(test, body, [], otherwise, lineno=line)

    def _parse_arguments(self, parser: Parser) -> list[nodes.Keyword]:
        arguments: list[nodes.Keyword] = []
        stream = parser.stream
        while stream.current.type != "block_end":
            if stream.skip_if("comma"):
                continue
            if stream.current.type == "name" and stream.look().type == "assign":
                name = next(stream).value
                next(stream)
                arguments.append(nodes.Keyword(name, self._parse_value(parser)))
            elif stream.current.type == "name" and stream.look().type in ("string", "name", "comma", "block_end"):
                next(stream)  # a word of the tag's own, as in {% module_block module "title" %}
            else:
                arguments.append(nodes.Keyword(f"argument_{len(arguments)}", self._parse_value(parser)))
        return arguments

    def _parse_value(self, parser: Parser) -> nodes.Expr:
        """An expression, or one in braces as in ``html={{ content.body }}``."""
        stream = parser.stream
        if not (stream.current.type == "lbrace" and stream.look().type == "lbrace"):
            return parser.parse_expression()
        stream.skip(2)
        value = parser.parse_expression()
        stream.expect("rbrace")
        stream.expect("rbrace")
        return value


def render_tag(name: str, **arguments: Any) -> str:
    """What a HubSpot tag shows here: the text of inline fields, and a marked place for a form."""
    if name in ("inline_text", "inline_rich_text", "text", "textarea"):
        return text_of(arguments.get("value"))
    if name in ("rich_text", "raw_html"):
        return text_of(arguments.get("html") or arguments.get("value"))
    if name == "form":
        return "<form></form>"
    return ""


class HublUndefined(ChainableUndefined):
    """HubL's null: writes nothing, gives null for every attribute and call."""

    def __call__(self, *_: Any, **__: Any) -> "HublUndefined":  # type: ignore[override]
        return self

    def __neg__(self) -> int:  # type: ignore[override]
        return 0

    def __lt__(self, _: object) -> bool:  # type: ignore[override]
        return False

    __pos__ = __neg__  # type: ignore[assignment]
    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment]


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, Undefined) or left is None:
        return right
    if isinstance(right, Undefined) or right is None:
        return left
    if isinstance(left, str) or isinstance(right, str):
        return text_of(left) + text_of(right)
    return left + right


def _numeric(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def operate(left: Any, right: Any) -> Any:
        for value in (left, right):
            if isinstance(value, str | list | tuple | dict):
                raise TypeError(f"a {type(value).__name__} stands where a number is needed")
        if isinstance(left, Undefined) or isinstance(right, Undefined) or left is None or right is None:
            return 0
        return function(left, right)

    return operate


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > 64 or abs(base) > 2**32:
        raise HublLimitError("a power is larger than 64 bits")
    return base**exponent


class _UnfoldedCode(CodeGenerator):
    """Code that computes nothing while it is generated, so that constants are charged where they are written."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        raise nodes.Impossible


class HublEnvironment(SandboxedEnvironment):
    """A Jinja environment that knows HubL and gives templates no way to Python."""

    code_generator_class = _UnfoldedCode
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})
    default_binop_table: dict[str, Callable[[Any, Any], Any]] = {
        "+": _add,
        "-": _numeric(operator.sub),
        "*": _numeric(operator.mul),
        "/": _numeric(operator.truediv),
        "//": _numeric(operator.floordiv),
        "%": _numeric(operator.mod),
        "**": _numeric(_power),
    }

    def __init__(self) -> None:
        super().__init__(
            undefined=HublUndefined,
            autoescape=False,
            optimized=False,
            loader=FunctionLoader(lambda _: ""),
            extensions=[HublTags, do, LoopControlExtension],
            finalize=lambda value: budget().emit(text_of(value)),
        )
        self.globals = {"range": bounded_range, "namespace": Namespace}
        # Jinja's stubs infer these tables narrower than the filters and tests they take.
        tables = cast(Any, self)
        tables.filters = {
            **FILTERS,
            "hubl_concat": lambda values: guard("".join(text_of(value) for value in values)),
            "hubl_guard": guard,
            "hubl_method": _method,
            "hubl_stepped": stepped,
            "hubl_tag": render_tag,
        }
        tables.tests = TESTS
        self._lexer = HublLexer(self)

    @property
    def lexer(self) -> Lexer:
        return self._lexer

    def parse_hubl(self, source: str) -> nodes.Template:
        return HublParser(self, source).parse()

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget().step()
        return guard(super().call_binop(context, operator, guard(left), guard(right)))

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._look_up(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str):
            return self._look_up(obj, argument)
        if isinstance(obj, str | list | tuple | Mapping):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def _look_up(self, obj: Any, name: str) -> Any:
        """A key of a dictionary, or what Jinja's loops and namespaces offer; nothing else is reachable."""
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping) and name in obj:
            return obj[name]
        if isinstance(obj, LoopContext) and name in _LOOP_ATTRIBUTES:
            value = getattr(obj, name)
            return self.undefined(name=name) if value is missing else value
        if isinstance(obj, Namespace) and not name.startswith("_"):
            return getattr(obj, name, self.undefined(name=name))
        return self.undefined(obj=obj, name=name)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        for value in (*args, *kwargs.values()):
            guard(value)
        spent = budget()
        spent.enter_call()
        try:
            return guard(__context.call(__obj, *args, **kwargs))
        finally:
            spent.leave_call()


@pass_environment
def _method(environment: HublEnvironment, obj: Any, name: str) -> Any:
    """What ``obj.name(...)`` calls: a key first, so that a group may have a field ``items``, then a method."""
    found = environment.getattr(obj, name)
    return method_of(obj, name) or found if isinstance(found, Undefined) else found


_LOOP_ATTRIBUTES = frozenset(
    {"changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem"}
    | {"revindex", "revindex0"}
)


class ChargingTransformer(NodeTransformer):
    """Rewrites a syntax tree so that its loops, joined strings, comparisons and plain text are charged."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - named by Jinja's visitor
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "hubl_stepped")
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr):
            method = node.node
            node.node = nodes.Filter(
                method.node, "hubl_method", [nodes.Const(method.attr)], [], None, None, lineno=node.lineno
            )
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "hubl_concat")

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "hubl_guard")
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, "hubl_guard")
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        """A tuple that is read becomes a list: HubL has no tuples, and a list can't be made a key."""
        self.generic_visit(node)
        return nodes.List(node.items, lineno=node.lineno) if node.ctx == "load" else node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Const:  # noqa: N802
        return nodes.Const(node.data, lineno=node.lineno)


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)
