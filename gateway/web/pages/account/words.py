"""What account pages say that stands in no template: after something was done, about fields, about what happened. Short sentences, no jargon."""

from __future__ import annotations

from typing import Final

from gateway.services.audit import Event
from gateway.services.profiles import Unfit
from gateway.web.pages.faults import Fault

#: What was done, by the word in the address of the page that says so.
DONE: Final[dict[str, str]] = {
    "profile": "Your profile is saved.",
    "password": "Your password is changed. You are logged out on all other devices.",
    "asked": "We have sent a message to the new address. Open it and follow its link, and the new address takes the place of the old one.",
    "kept": "The change was called off. Your account keeps its address.",
    "ended": "That session has ended.",
    "others": "All other sessions have ended.",
    "gone": "That session had ended already.",
}

CURRENT_MISSING: Final = Fault("current_password", "Enter your current password.", "Enter your current password.")
CURRENT_WRONG: Final = Fault("current_password", "That is not your current password.", "Enter your current password again.")
NEW_MISSING: Final = Fault("new_password", "Enter a new password.", "Enter a new password.")
NOT_THE_SAME: Final = Fault("new_password_confirm", "The two new passwords are not the same.", "Enter the new password once more.")
EMAIL_UNUSABLE: Final = Fault("email", "This is not an e-mail address that can be used.", "Check the new e-mail address.")
EMAIL_SAME: Final = Fault("email", "This is your e-mail address already.", "Enter another address.")

TOO_MANY: Final = "There were too many attempts. Nothing was changed. Wait a while, then try again."

UNFIT: Final[dict[Unfit, str]] = {
    Unfit.NAME: "A name has at most 100 characters, and no control characters.",
    Unfit.PHONE: "A telephone number begins with + and the country, as in +49 30 1234567.",
    Unfit.DATE: "A birth date is a day of the calendar, as in 1990-12-31.",
    Unfit.FUTURE: "A birth date cannot lie in the future.",
    Unfit.LINK: "A link is a whole address that begins with https://.",
}

#: What happened to the account.
HAPPENED: Final[dict[Event, str]] = {
    Event.LOGIN_SUCCESS: "You logged in",
    Event.LOGIN_FAILURE: "A wrong password was entered",
    Event.SESSION_THEFT: "A copied login was used, so that session was ended",
    Event.SESSION_MOVE: "A session was used from a new place",
    Event.SESSION_REVOKE: "A session was ended",
    Event.SESSION_END: "You logged out",
    Event.USER_ADD: "Your account was created",
    Event.USER_STATE: "The state of your account was changed",
    Event.USER_GROUPS: "Your groups were changed",
    Event.USER_PASSWORD: "Your password was changed",
    Event.USER_PROFILE: "Your profile was changed",
    Event.EMAIL_ASK: "Another e-mail address was asked for",
    Event.EMAIL_CHANGE: "Your e-mail address was changed",
    Event.EMAIL_CANCEL: "The change of your e-mail address was called off",
}
