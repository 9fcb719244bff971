"""How much work a regular expression can be."""

import re

# One atom of a pattern, with the quantifier after it. Sets are taken whole, so brackets inside them don't count.
_ATOM = re.compile(
    r"(?P<open>\((?:\?(?:[:=!]|<[=!]|<\w+>))?)"
    r"|(?P<close>\))"
    r"|(?P<wide>\\[pP]\{[^}]*\})"
    r"|(?P<one>\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()])",
    re.DOTALL,
)
_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
WIDE = 8  # a Unicode class is several states in UTF-8
MOST_STATES = 1_000_000


def states(pattern: str) -> int:
    """Estimate the states of the automaton for a pattern: its atoms, each as often as counted repetition repeats it.

    Matching a linear-time engine's worst case takes about 5 ns for each state and byte of text.
    """
    totals = [0]
    offset = 0
    while match := _ATOM.match(pattern, offset):
        offset = match.end()
        if match["open"]:
            totals.append(0)
            continue
        weight = WIDE if match["wide"] else 1
        if match["close"]:
            weight = totals.pop() if len(totals) > 1 else 0
        count = _COUNT.match(pattern, offset)
        if count:
            offset = count.end()
            weight *= max(1, int(count[3] or count[1]))
        totals[-1] = min(totals[-1] + weight, MOST_STATES)
    return max(1, sum(totals))
