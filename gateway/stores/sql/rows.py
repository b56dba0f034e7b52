"""Accounts as rows, and back."""

from __future__ import annotations

import json
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
    """The account that `row` of `users` is."""
    identity = Identity(row.id, row.email, row.name, tuple(json.loads(row.groups)), State(row.state))
    profile = Profile(row.first_name, row.last_name, row.phone, row.birth_date, row.link)
    more = (profile, row.pending_email, row.contested, row.signed_up)
    return Account(identity, row.password_hash, row.session_epoch, row.created, row.last_login, *more)
