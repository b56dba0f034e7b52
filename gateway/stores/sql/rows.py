"""Accounts as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from gateway.core.email import address_key, folded
from gateway.core.identity import Identity, State
from gateway.core.profile import Profile
from gateway.stores.accounts import Account


def account_row(account: Account) -> dict[str, Any]:
    """The columns of `account`."""
    who = account.identity
    return {
        "id": who.user_id,
        "name": who.name,
        "state": who.state.value,
        "groups": json.dumps(who.groups),
        "password_hash": account.password_hash,
        "session_epoch": account.epoch,
        "created": account.created,
        "last_login": account.last_login,
        "pending_email": account.pending_email,
        "contested": account.contested,
        "signed_up": account.signed_up,
        **address_columns(who.email, who.name),
        **profile_columns(account.profile),
    }


def address_columns(email: str, name: str) -> dict[str, str]:
    """What follows from an address, and from an address and a name."""
    return {"email": email, "email_key": address_key(email), "search_key": search_key(email, name)}


def profile_columns(profile: Profile) -> dict[str, str | None]:
    """The columns of `profile`."""
    return {
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "phone": profile.phone,
        "birth_date": profile.birth_date,
        "link": profile.link,
    }


def search_key(email: str, name: str) -> str:
    """What a search looks into. Nobody searches for line breaks, so nothing is found across the border."""
    return f"{address_key(email)}\n{folded(name)}"


def account_of(row: Row[Any]) -> Account:
    """The account that `row` is: every column of `users`, in the table's order. By place and not by name, since ten thousand are listed at a time."""
    columns: Sequence[Any] = row
    user_id, email, _, name, state, groups, hashed, epoch, created, last_login, *more = columns
    first, last, phone, born, link, pending, contested, _, signed_up = more
    identity = Identity(user_id, email, name, _groups(groups), State(state))
    return Account(identity, hashed, epoch, created, last_login, Profile(first, last, phone, born, link), pending, contested, signed_up)


@lru_cache(maxsize=1000)
def _groups(text: str) -> tuple[str, ...]:
    """Of ten thousand accounts most are in the same few groups, and reading JSON took more time than all the rest of a row."""
    return tuple(json.loads(text))
