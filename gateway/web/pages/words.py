"""What people are told when something went wrong: what happened, whether anything was lost, what to do now.

One entry for every `Problem`; a test holds that. Short sentences, no blame, no jargon, nothing about upstreams and nothing from the request.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.core.answer import Problem
from gateway.core.decide import Reason
from gateway.core.password import PasswordPolicy, Weakness
from gateway.web.languages import Phrase


class Words(NamedTuple):
    """The text of a problem's page. `lost` is empty where nothing could have been."""

    title: str
    happened: str
    lost: str
    now: str


PROBLEMS: Final[dict[Problem, Words]] = {
    Problem.MALFORMED: Words(
        "This request cannot be understood",
        "The address, or what was sent with it, is not valid.",
        "Nothing was changed.",
        "Check the address for typing mistakes, or go back and follow the link again.",
    ),
    Problem.LOGIN_REQUIRED: Words(
        "Please log in",
        "This page is only for people who are logged in.",
        "",
        "Log in and you can go on from here.",
    ),
    Problem.NOT_SENT: Words(
        "Your form was not sent",
        "You are not logged in any more, so what you filled in did not reach the application.",
        "Nothing was saved. Go back to see what you typed, and copy what you want to keep.",
        "Then log in and send the form again.",
    ),
    Problem.WRONG_LOGIN: Words(
        "You are not logged in",
        "That e-mail address and password do not belong together.",
        "",
        "Check both and try again.",
    ),
    Problem.UNVERIFIED: Words(
        "Confirm your e-mail address first",
        "Your password is right, but your e-mail address has not been confirmed yet.",
        "",
        "Open the message we sent you and follow its link. If you cannot find it, ask whoever runs this service.",
    ),
    Problem.BAD_TOKEN: Words(
        "This link does not work",
        "It was used before, its time is over, or it is not complete.",
        "Nothing was changed.",
        "Ask for a new message and follow its link soon.",
    ),
    Problem.NOT_VALID: Words(
        "Something is missing or not right",
        "What you entered cannot be used as it is.",
        "Nothing was changed.",
        "Go back, check what you entered and send it again.",
    ),
    Problem.REFUSED: Words(
        "You cannot open this page",
        "You do not have access to it.",
        "Nothing was changed.",
        "If you need access, ask whoever runs this service.",
    ),
    Problem.FORM_REFUSED: Words(
        "The form could not be accepted",
        "It did not come from a page of ours that is open in this browser, or it was open for too long.",
        "Nothing was changed.",
        "Open the page again and send the form from there.",
    ),
    Problem.NOT_FOUND: Words(
        "There is nothing here",
        "No page has this address.",
        "",
        "Check the address for typing mistakes, or go back to where you came from.",
    ),
    Problem.METHOD_NOT_ALLOWED: Words(
        "That does not work here",
        "This page cannot be used in the way it was asked for.",
        "Nothing was changed.",
        "Go back and follow the link again.",
    ),
    Problem.TIMED_OUT: Words(
        "That took too long",
        "Your request did not arrive completely in time.",
        "Nothing was saved.",
        "Check your connection, go back and try again.",
    ),
    Problem.TOO_LARGE: Words(
        "That is too large",
        "What you sent is larger than what is accepted here.",
        "Nothing was saved.",
        "Go back and send something smaller.",
    ),
    Problem.URL_TOO_LONG: Words(
        "The address is too long",
        "The address has more characters than are accepted here.",
        "Nothing was changed.",
        "Go back and follow the link again, or shorten the address.",
    ),
    Problem.UNSUPPORTED_TYPE: Words(
        "That cannot be read here",
        "What you sent has a form that is not accepted here.",
        "Nothing was saved.",
        "Send the form from its own page.",
    ),
    Problem.UNKNOWN_HOST: Words(
        "This name leads nowhere",
        "No application is known here by the name in the address.",
        "",
        "Check the address for typing mistakes.",
    ),
    Problem.THROTTLED: Words(
        "Too many attempts",
        "There were many attempts in a short time.",
        "",
        "Wait a while, then try again.",
    ),
    Problem.HEADERS_TOO_LARGE: Words(
        "Your browser sent too much",
        "What your browser sends along with every request to this site has become too large.",
        "Nothing was changed.",
        "Delete the cookies of this site and try again.",
    ),
    Problem.INTERNAL: Words(
        "Something went wrong",
        "An error on our side kept this page from being shown.",
        "If you sent a form, check whether it was saved before you send it again.",
        "Try again in a moment. If it keeps happening, tell whoever runs this service.",
    ),
    Problem.BAD_GATEWAY: Words(
        "The application is not answering",
        "The application behind this page could not be reached, or its answer could not be used.",
        "You are still logged in if you were before. If you sent a form, check whether it was saved before you send it again.",
        "Try again in a moment.",
    ),
    Problem.STORE_AWAY: Words(
        "Please wait a moment",
        "We cannot check right now who is logged in.",
        "You are still logged in if you were before. Nothing was changed.",
        "Try again in a few seconds.",
    ),
    Problem.UNAVAILABLE: Words(
        "Not available right now",
        "This service is busy or about to restart.",
        "You are still logged in if you were before. If you sent a form, it was not saved.",
        "Try again in a few seconds.",
    ),
    Problem.UPSTREAM_TIMEOUT: Words(
        "The application takes too long",
        "The application behind this page did not answer in time.",
        "You are still logged in if you were before. If you sent a form, it may have been saved: check before you send it again.",
        "Try again in a moment.",
    ),
}

#: Why somebody is refused, in words for them; the other reasons are told as the problem's own words tell them.
REFUSALS: Final[dict[str, str]] = {
    Reason.UNVERIFIED.value: "Your e-mail address has not been confirmed yet. Until it is, your account cannot be used.",
    Reason.EXPIRED.value: "Your account has expired. You can still log in, but no application is open to you.",
    Reason.DISABLED.value: "Your account has been disabled.",
    Reason.RULE.value: "Your account does not have access to it, or not from where you are.",
    Reason.NO_MATCH.value: "Your account does not have access to it, or not from where you are.",
}

#: Why a password is refused, and what to do about it; `weakness_words` fills the numbers in.
WEAKNESSES: Final[dict[Weakness, str]] = {
    Weakness.TOO_SHORT: "This password is too short. Use at least %(shortest)d characters; a few words in a row are easy to remember.",
    Weakness.TOO_LONG: "This password is too long. Use at most %(longest)d characters.",
    Weakness.CONTEXT: "This password is your name or address, or the name of this service. Choose one that has nothing to do with either.",
    Weakness.COMPROMISED: "This password is one of those that are used most, and attackers try those first. Choose another one.",
    Weakness.DICTIONARY: "This password is a single word or name. Put a few words in a row, or choose something else.",
    Weakness.REPETITIVE: "This password repeats the same characters. Choose one with more variety.",
    Weakness.SEQUENTIAL: "This password follows the order of the alphabet, of numbers or of the keyboard. Choose one that does not.",
}


def weakness_phrase(weakness: Weakness, policy: PasswordPolicy) -> Phrase:
    """What to tell the person whose password `policy` refused."""
    return Phrase(WEAKNESSES[weakness], {"shortest": policy.min_length, "longest": policy.max_length})


def weakness_words(weakness: Weakness, policy: PasswordPolicy) -> str:
    """The same as a sentence, in English: for programs."""
    words, values = weakness_phrase(weakness, policy)
    return words % values


#: (field, reason) → what is wrong with a field, and what to do.
FAULTS: Final[dict[tuple[str, str], str]] = {
    ("email", "missing"): "Enter your e-mail address.",
    ("email", "not_valid"): "This is not a complete e-mail address. Check it for typing mistakes.",
    ("email", "domain"): "Accounts are made here only for e-mail addresses of this organisation. Enter the one that it gave you.",
    ("name", "not_valid"): "This name is too long or holds a character that cannot be shown. Enter a shorter one.",
    ("password", "missing"): "Enter a password.",
    ("password", "wrong"): "That is not the password that was chosen with this message. Enter the one you chose when you signed up.",
    ("password_confirm", "different"): "The two passwords are not the same. Enter the same one twice.",
    ("token", "missing"): "Enter the code from the message.",
    ("token", "wrong"): "This code is not right, or it does not count any more. Check it, or ask for a new message.",
}
#: When somebody has to wait; `%(wait)s` is a time.
TOO_MANY: Final = "There were too many attempts. Wait %(wait)s, then try again."
