"""E-mail addresses, names and groups as they may be entered. What is unclear is refused, not repaired.

The stored address keeps its local part as typed and has its domain in lower-case ASCII (IDNA 2008, RFC 5891), which is what mail servers, headers
and rules compare. Whether two addresses are one account is `core.email.address_key`'s matter.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from gateway.core.email import MOST_ADDRESS
from gateway.core.identity import GROUP_NAME

MOST_NAME: Final = 100
#: Stands behind a special-use domain while its syntax is judged; the validator knows no other way to let `ann@localhost` pass.
_ORDINARY: Final = ".example"


class NotValid(ValueError):
    """What was entered cannot be used. The text is a sentence for people and does not quote it."""


def canonical_address(text: str, *, special_use: bool = False) -> str:
    """The address to store and to look up. `special_use` accepts `localhost`, `.test` and the like. Raises NotValid."""
    # Its patterns take 20 ms to compile, which the first login can bear and no start should.
    from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

    address = text.strip()
    folded = unicodedata.normalize("NFKC", address)
    if len(address) > MOST_ADDRESS or len(folded) > MOST_ADDRESS:
        raise NotValid("the e-mail address is too long")
    local, at, domain = address.rpartition("@")
    if not at or "@" in local or folded.count("@") != 1:
        raise NotValid("an e-mail address has exactly one @")
    if any(folded.count(mark) != address.count(mark) for mark in ".。") or "。" in address:
        # One program's dot is another's letter: whose mail server would get the mail (UTS 46 section 2.3)?
        raise NotValid("the e-mail address has an unusual dot")
    suffix = _ORDINARY if special_use and domain.lower().rpartition(".")[2] in SPECIAL_USE_DOMAIN_NAMES else ""
    try:
        valid = validate_email(address + suffix, check_deliverability=False, globally_deliverable=not special_use, allow_quoted_local=False)
    except EmailNotValidError as error:
        raise NotValid(str(error).rstrip(".")) from None
    return f"{valid.local_part}@{(valid.ascii_domain or '').lower().removesuffix(suffix)}"


def known_address(email: str) -> str | None:
    """The address to look up; None for what cannot be one."""
    try:
        return canonical_address(email, special_use=True)
    except NotValid:
        return None


def canonical_name(text: str) -> str:
    """A person's name, trimmed; may be empty. Raises NotValid."""
    name = unicodedata.normalize("NFC", text.strip())
    if len(name) > MOST_NAME:
        raise NotValid(f"the name is longer than {MOST_NAME} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise NotValid("the name has a control character")
    return name


def canonical_groups(names: tuple[str, ...]) -> tuple[str, ...]:
    """Group names without repetitions, in the order given. Raises NotValid."""
    for name in names:
        if not GROUP_NAME.fullmatch(name):
            raise NotValid("a group's name is 1 to 64 of A-Z a-z 0-9 . _ : @ / - and begins with a letter or digit")
    return tuple(dict.fromkeys(names))
