"""How much work a regular expression can be."""

import re

# One atom of a pattern. Sets are taken whole, so brackets inside them don't count.
ATOM = re.compile(
    r"(?P<open>\((?:\?(?:[:=!]|<[=!]|<\w+>))?)"
    r"|(?P<close>\))"
    r"|(?P<one>\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()])",
    re.DOTALL,
)
_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_UNICODE_CLASS = re.compile(r"\\[pP]")
_MOST = 10**9

# A Unicode class is many states in UTF-8: few of them are passed in matching, but all must be built.
WIDE_IN_MATCHING = 8
WIDE_IN_BUILDING = 200


def states(pattern: str, wide: int = WIDE_IN_MATCHING) -> int:
    """Estimate the states of the automaton for a pattern: its atoms, each as often as counted repetition repeats it.

    In a linear-time engine's worst case, matching takes about 5 ns for each state and byte of text.
    """
    totals = [0]
    offset = 0
    while match := ATOM.match(pattern, offset):
        offset = match.end()
        if match["open"]:
            totals.append(0)
            continue
        if match["close"]:
            weight = totals.pop() if len(totals) > 1 else 0
        else:
            weight = wide if _UNICODE_CLASS.search(match["one"]) else 1
        count = _COUNT.match(pattern, offset)
        if count:
            offset = count.end()
            weight *= max(1, int(count[3] or count[1]))
        totals[-1] = min(totals[-1] + weight, _MOST)
    return max(1, sum(totals))


def building(pattern: str) -> int:
    """Estimate the states that must be built before a pattern can be matched, at about 2 microseconds each."""
    return states(pattern, WIDE_IN_BUILDING)
