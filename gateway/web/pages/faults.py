"""What is wrong with a form that was sent: told in a summary on top and beside each field (LOOK.md, "Forms")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.web.languages import Phrase
from gateway.web.pages.forms import Distrust


@dataclass(frozen=True, slots=True)
class Fault:
    """An error at a field (its id), in the summary and beside the field. An empty text leaves one of them out."""

    field: str
    summary: str | Phrase
    beside: str | Phrase


#: What is said on top of a form that was not believed, and shown again.
NOT_BELIEVED: Final[dict[Distrust, str]] = {
    Distrust.NO_COOKIE: "Your browser did not send back the cookie that this form needs. Allow cookies for this site, then send the form again.",
    Distrust.STALE: "This form was open for too long, or belongs to another login. Check it and send it again.",
    Distrust.CROSS_SITE: "This came from another site, so it was not used. You can send the form from here if you want to.",
}
