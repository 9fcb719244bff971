"""What a model was sent and what it answered, from each way in which spans have told it so far.

In the order of preference, each on the span or on an event of it:

- ``gen_ai.system_instructions``, ``gen_ai.input.messages``, ``gen_ai.output.messages``: lists of messages with parts;
- events for each message: ``gen_ai.user.message`` and its like, ``gen_ai.choice``;
- ``gen_ai.prompt``, ``gen_ai.completion``, also on ``gen_ai.content.prompt`` and ``gen_ai.content.completion``;
- flattened: ``gen_ai.prompt.0.role``, ``gen_ai.prompt.0.content``, ``gen_ai.completion.0.content``.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.otlp.attributes import Attributes, first, parsed

MESSAGE_EVENTS = {
    f"gen_ai.{name}.message": role
    for name, role in (("system", "system"), ("user", "user"), ("assistant", "assistant"), ("tool", "tool"))
}
FLATTENED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,4})\.([a-z_.0-9]+)")
ABOUT = {"role", "parts", "content", "finish_reason"}
BODY = {"role", "content", "tool_calls"}
Messages = list[Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a span."""

    name: str
    attributes: Attributes


def sent(attributes: Attributes, events: Sequence[Event]) -> str:
    """The prompt as text: each message below its role; empty where the span does not tell."""
    told = [attributes, *(event.attributes for event in events)]
    messages = [
        *({"role": "system", "parts": one} for one in _under(told, "gen_ai.system_instructions")),
        *(message for one in _under(told, "gen_ai.input.messages") for message in _listed(one)),
    ]
    messages = messages or [_of_event(event) for event in events if event.name in MESSAGE_EVENTS]
    messages = messages or [message for one in _under(told, "gen_ai.prompt") for message in _listed(one)]
    messages = messages or list(_flattened(attributes, "prompt"))
    return "\n\n".join(filter(None, map(_as_text, messages)))


def answered(attributes: Attributes, events: Sequence[Event]) -> Any:
    """The answer: JSON where it is an object or a list, else text; a list of several; None where untold."""
    told = [attributes, *(event.attributes for event in events)]
    messages = [message for one in _under(told, "gen_ai.output.messages") for message in _listed(one)]
    messages = messages or [_of_event(event) for event in events if event.name == "gen_ai.choice"]
    messages = messages or [message for one in _under(told, "gen_ai.completion") for message in _listed(one)]
    messages = messages or list(_flattened(attributes, "completion"))
    answers = [_plain(message) for message in messages]
    if not answers:
        return None
    return parsed(answers[0]) if len(answers) == 1 else answers


def finish_reasons(attributes: Attributes, events: Sequence[Event]) -> list[Any]:
    """Why the model stopped, for each answer."""
    reasons = parsed(first(attributes, "gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"))
    if reasons is not None:
        return _listed(reasons)
    said = [first(event.attributes, "finish_reason") for event in events if event.name == "gen_ai.choice"]
    said += [message.get("finish_reason") for message in _flattened(attributes, "completion")]
    return [reason for reason in said if reason]


def _under(told: Sequence[Attributes], name: str) -> Iterator[Any]:
    """The value under the name, from the first that has one."""
    found = next((one[name] for one in told if one.get(name) not in (None, "")), None)
    if found is not None:
        yield parsed(found)


def _listed(value: Any) -> Messages:
    return value if isinstance(value, list) else [value]


def _of_event(event: Event) -> dict[str, Any]:
    """An event's message; its body may stand in ``message``, as JSON or not."""
    fields = {name: parsed(value) for name, value in event.attributes.items() if name in BODY}
    body = parsed(event.attributes.get("message"))
    if isinstance(body, dict) and body.keys() & BODY:
        fields |= {name: value for name, value in body.items() if name in BODY}
    elif body:
        fields["content"] = body
    return {"role": MESSAGE_EVENTS.get(event.name), **fields}


def _flattened(attributes: Attributes, side: str) -> Iterator[dict[str, Any]]:
    messages: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        match = FLATTENED.fullmatch(name)
        if match and match[1] == side:
            messages.setdefault(int(match[2]), {})[match[3]] = value
    yield from (messages[number] for number in sorted(messages))


def _as_text(message: Any) -> str:
    said = _plain(message)
    body = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    role = message.get("role") if isinstance(message, dict) else None
    return f"{role}: {body}" if isinstance(role, str) and body else body


def _plain(message: Any) -> Any:
    """The text of a message that is only text; else its parts and what it has beside them; what is no message stays."""
    if isinstance(message, dict) and isinstance(message.get("message"), dict):
        message = message["message"]
    if not isinstance(message, dict) or not message.keys() & {"role", "parts", "content"}:
        return message
    parts = message.get("parts", message.get("content"))
    texts = _texts(parts)
    content = parts if texts is None else texts
    rest = {name: value for name, value in message.items() if name not in ABOUT and value not in (None, "")}
    return {**({"content": content} if content else {}), **rest} if rest else content


def _texts(parts: Any) -> str | None:
    """What all the parts say together; None where one of them is no text."""
    if parts is None or isinstance(parts, str):
        return parts or ""
    if not isinstance(parts, list):
        return None
    said: list[str] = []
    for part in parts:
        if isinstance(part, dict) and part.get("type", "text") == "text":
            part = part.get("content", part.get("text"))
        if not isinstance(part, str):
            return None
        said.append(part)
    return "\n".join(said)
