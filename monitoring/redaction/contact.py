"""E-mail addresses, telephone numbers and network addresses."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from monitoring.redaction.findings import Finding, Pattern, Recogniser

# Those of files that no domain ends with.
FILE_ENDINGS = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "webp", "svg", "avif", "ico", "css", "scss", "js", "mjs", "jsx", "ts", "tsx"),
        *("html", "json", "xml", "yml", "yaml", "txt", "pdf", "map", "woff", "ttf", "mp4", "webm", "gz", "tgz", "tar"),
    )
)


LONGEST_COUNTRY = 5  # characters that may stand before an area code in brackets


def _email(found: str) -> str | None:
    ending = found.rpartition(".")[2].lower()
    if ending.startswith("xn--"):
        ending = "idn"
    known = len(ending) >= 2 and ending.isalpha() and ending not in FILE_ENDINGS
    return found.lower().replace("%40", "@") if known else None


def _version_4(found: str) -> str | None:
    """Four groups of digits, as ``ipaddress`` takes them: of 255 at most, without leading zeros. It takes 3 µs."""
    for part in found.split("."):
        if int(part) > 255 or (part[0] == "0" and part != "0"):
            return None
    return found


def _version_6(found: str) -> str | None:
    if "::" not in found and found.count(":") != 7:
        return None
    if not any(map(str.isdigit, found)):  # ab::cd is a name of C++
        return None
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return None


class Emails:
    """E-mail addresses, from their @ outwards: to try every word of a page for one takes as long as all else."""

    digits = 0
    letters = False
    domain = re.compile(r"@[\w-]++(?:\.[\w-]++)+")

    def find(self, text: str) -> Iterator[Finding]:
        reached = 0
        for match in self.domain.finditer(text):
            start = _beginning(text, match.start())
            if not reached <= start < match.start():
                continue
            reached = match.end()
            normal = _email(text[start:reached])
            if normal is not None:
                yield Finding(start, reached, "email", normal)


def _beginning(text: str, end: int) -> int:
    """Where the characters begin that may stand before an @."""
    while end and (text[end - 1].isalnum() or text[end - 1] in "_.%+'-"):
        end -= 1
    return end


RECOGNISERS: tuple[Recogniser, ...] = (
    Emails(),
    Pattern(  # in an address of the web
        "email",
        re.compile(r"[\w.+'-](?<![\w.%+'-].)[\w.+'-]{0,64}%40[\w-]++(?:\.[\w-]++)+"),
        _email,
        hints=("%40",),
        digits=2,
        letters=True,
    ),
    Pattern(
        "ip",
        re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])"),
        _version_4,
        hints=(".",),
        digits=4,
    ),
    Pattern(
        "ip",
        re.compile(r"[0-9A-Fa-f:](?<![\w:.].)[0-9A-Fa-f:]{3,38}+(?!\w)"),
        _version_6,
        hints=(":",),
    ),
)


class Phones:
    """Numbers with a country code; numbers as people write them at home in one of ``regions``; after "tel" any.

    Lengths and first digits are those of phonenumbers' metadata. Its own matcher takes milliseconds for a page.
    """

    digits = 7
    letters = False

    run = re.compile(
        r"[+(0-9](?<![\w.+/=#-].)(?:[0-9]|(?<=1)[ .-]|(?<=\()\+)[0-9 ()./-]{4,20}(?<=[0-9])(?!\w|-[0-9A-Za-z])"
    )
    next_one = re.compile(r" (?=[+(0]|(?:1[ .-])?[2-9][0-9]{2}[ .-][2-9])")
    announced = re.compile(r"(?:tel|phone|mobile|cell|call|fax|sms|whatsapp)[\w .:]{0,12}$", re.IGNORECASE)
    never = re.compile(
        r"[0-9]+[.][0-9]+|(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ][0-9]{1,2}.*|"
        r"[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:19|20)[0-9]{2}.*"
    )
    north_american = re.compile(r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-]?[0-9]{4}")

    def __init__(self, regions: Sequence[str]) -> None:
        self._north_american = any(_country_code(region) == 1 for region in regions)
        self._trunk = [region for region in regions if _national_prefix(region) == "0"]

    def find(self, text: str) -> Iterator[Finding]:
        match = self.run.search(text)
        while match:
            start, run = match.span()[0], match[0]
            announced = self.announced.search(text, max(0, start - 24), start) is not None
            for end in _ends(run):
                normal = self._number(run[:end], announced)
                if normal is not None:
                    yield Finding(start, start + end, "phone", normal)
                    break
            else:
                # What stands before a number looks like a part of it.
                next_one = self.next_one.search(run)
                end = next_one.end() if next_one else len(run)
            match = self.run.search(text, start + end)

    def _number(self, written: str, announced: bool) -> str | None:
        if self.never.fullmatch(written) or written.rfind("(") > LONGEST_COUNTRY:
            return None
        digits = "".join(filter(str.isdigit, written.replace("(0)", "")))
        if not 7 <= len(digits) <= 15:
            return None
        if written.startswith(("+", "(+")):
            return _international(digits)
        if digits.startswith("00") and not written.isdigit() and (normal := _international(digits[2:])):
            return normal
        return self._national(written, digits) or (digits if announced else None)

    def _national(self, written: str, digits: str) -> str | None:
        if self._north_american and self.north_american.fullmatch(written):
            return "1" + digits[-10:]
        if written.isdigit() or not digits.startswith("0"):
            return None
        for region in self._trunk:
            if _is_national(region, digits[1:]):
                return f"{_country_code(region)}{digits[1:]}"
        return None


def _ends(run: str) -> Iterator[int]:
    """Where a number may end: the whole of it, or one, two or three groups earlier, as lists run numbers together."""
    end = len(run)
    for _ in range(4):
        yield end
        end = len(run[:end].rpartition(" ")[0].rstrip())
        if not end:
            return


def _international(digits: str) -> str | None:
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]))
        if regions:
            return digits if _is_national(regions[0], digits[length:]) else None
    return None


def _is_national(region: str, digits: str) -> bool:
    form = _form(region)
    return form is not None and form.fullmatch(digits) is not None


@lru_cache(maxsize=300)
def _form(region: str) -> re.Pattern[str] | None:
    metadata = _metadata(region)
    pattern = metadata.general_desc.national_number_pattern if metadata and metadata.general_desc else None
    return re.compile(pattern) if pattern else None


def _metadata(region: str) -> PhoneMetadata | None:
    if region == "001":
        return None
    return PhoneMetadata.metadata_for_region(region)


def _country_code(region: str) -> int | None:
    metadata = _metadata(region)
    return metadata.country_code if metadata else None


def _national_prefix(region: str) -> str | None:
    metadata = _metadata(region)
    return metadata.national_prefix if metadata else None
