"""Property names that say what their value is, whatever it looks like."""

import re
from functools import lru_cache

_BY_NAME = (
    (
        "secret",
        (
            r"passw(or)?[dt]|passphrase|kennwort|contrase|motdepasse|senha$|pwd$|secret(?!ar)|"
            r"(api|access|private|signing|encryption|account)key|token$|credential|"
            r"authori[sz]ation|^auth$|bearer|cookie|sessionid|connectionstring|"
            r"^(otp|pin|mfa|verification|onetime)(code)?$|^(jwts?|creds?|pw)$"
        ),
    ),
    ("card", r"cardnumber|creditcard|^(cvv|cvc|pan)2?$|securitycode"),
    ("iban", r"^ibans?$|accountnumber|bankaccount"),
    (
        "national-id",
        r"^ssns?$|socialsecurity|nationalid|taxid|passport(no|number|id)?$|driverlicen[sc]e|insurancenumber",
    ),
    ("phone", r"^(tele)?phones?(no|numbers?)?$|^mobiles?(no|numbers?|phones?)?$|phonenumbers?$"),
    ("email", r"^e?mail(address(es)?)?$|^emails$|emailaddress(es)?$"),
)
_COMPILED = tuple((kind, re.compile(expression)) for kind, expression in _BY_NAME)
LONGEST = 200


@lru_cache(maxsize=4096)
def kind_of_name(name: str) -> str | None:
    """What a value under this name is, ``secret`` or another kind; None for names that tell nothing."""
    plain = re.sub("[^a-z0-9]", "", name[:LONGEST].lower())
    return next((kind for kind, expression in _COMPILED if expression.search(plain)), None)
