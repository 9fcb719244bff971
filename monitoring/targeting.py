"""Who gets which value of a flag: one pure function over its rules."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """``target`` is the id of the ``who`` (``user``, ``group``, ``pipeline``, ``prompt``), or the percentage.

    ``name`` is what people call it.
    """

    position: int
    who: str
    target: str
    value: str
    name: str = ""

    @property
    def whom(self) -> str:
        """``user ada``, ``25 % of users and runs``."""
        if self.who == "percentage":
            return f"{Decimal(self.target).normalize():f} % of users and runs"
        return f"{self.who} {self.name or self.target}"


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom a flag is asked: ids as text, empty where there is none.

    ``unit`` is what a percentage draws lots by (``user:7``, ``run:0195…``); without one no percentage fits.
    """

    user: str = ""
    groups: frozenset[str] = frozenset()
    pipeline: str = ""
    prompt: str = ""
    unit: str = ""


def choose(key: str, rules: Sequence[Rule], subject: Subject) -> Rule | None:
    """The first rule, by position, that fits the subject; None where the value for all holds."""
    return next((rule for rule in sorted(rules, key=lambda rule: rule.position) if fits(key, rule, subject)), None)


def fits(key: str, rule: Rule, subject: Subject) -> bool:
    """Whether the rule is for this subject."""
    if rule.who == "percentage":
        return bool(subject.unit) and bucket(key, subject.unit) < Decimal(rule.target) * (BUCKETS // 100)
    if rule.who == "group":
        return rule.target in subject.groups
    known = {"user": subject.user, "pipeline": subject.pipeline, "prompt": subject.prompt}[rule.who]
    return known == rule.target and known != ""


def bucket(key: str, unit: str) -> int:
    """The unit's lot from 0 to 9,999: the same at every call, and apart for every flag.

    So whoever is within 5 % is also within 10 %, and those who try one thing first are not those who try every thing.
    """
    return int.from_bytes(hashlib.sha256(f"{key}:{unit}".encode()).digest()[:8]) % BUCKETS
