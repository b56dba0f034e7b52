"""The sections `users`, `login`, `mail`, `audit`, `api` and `pages`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from gateway.config.quantities import Duration, Rate, RateValue, Size
from gateway.config.section import Section, required, setting
from gateway.config.words import (
    AllowedHostText,
    Colour,
    DatabaseUrl,
    GroupName,
    HostPattern,
    Language,
    Link,
    MailDomain,
    MailUrl,
    OriginText,
    RoutePath,
    Sender,
    Text,
)


class Signup(Section):
    """People make their accounts themselves."""

    enabled: bool = setting(False, "Show a sign-up page.")
    email_domains: list[MailDomain] = setting([], "Only addresses of these domains; empty: any.", shown=["example.com"])
    require_verification: bool = setting(True, "The address has to be confirmed before the account works, for which mail.url is needed.")


class Argon2(Section):
    """What one password hash costs (Argon2id, RFC 9106)."""

    memory: Size = setting(64 << 20, "Memory of one hash.")
    time: Annotated[int, Field(ge=1, le=100)] = setting(3, "Passes over the memory.")
    parallelism: Annotated[int, Field(ge=1, le=64)] = setting(4, "Lanes.")


class Password(Section):
    """What passwords have to be, and how they are kept."""

    min_length: Annotated[int, Field(ge=8, le=128)] = setting(8, "The shortest password, in characters.")
    max_length: Annotated[int, Field(ge=64, le=1024)] = setting(256, "The longest password, in characters.")
    context_words: list[Text] = setting([], "Words that are no password here, such as the company's name.")
    argon2: Argon2 = setting(Argon2, "What one hash costs.")
    pool: Annotated[int, Field(ge=1, le=64)] = setting(2, "Hashes that are computed at a time; others wait.")


class Users(Section):
    """Accounts and their database."""

    database: DatabaseUrl = setting(
        "sqlite:///var/users.db",
        "sqlite:///path (relative to this file), sqlite:////path (absolute) or postgresql://user@host/name.",
        repr=False,
    )
    database_password: SecretStr | None = setting(None, "The database's password, instead of one in the URL.", secret=True)
    admin_group: GroupName = setting("admins", "Members administer accounts.")
    signup: Signup = setting(Signup, "People make their accounts themselves.")
    password: Password = setting(Password, "What passwords have to be, and how they are kept.")


class Throttle(Section):
    """How fast logins may be tried."""

    per_ip: Rate = setting(RateValue(20, 60.0), "Attempts from one address (IPv6: one /64) in a time.")
    per_account_delay_after: Annotated[int, Field(ge=1, le=1000)] = setting(
        5, "From so many failures in a row on, an account has to wait, twice as long each time."
    )
    per_account_max_delay: Duration = setting(900.0, "The longest such wait.")
    per_account_stop_after: Annotated[int, Field(ge=2, le=1_000_000)] = setting(
        100, "After so many failures in a row an account cannot log in until its password is set anew, or `gateway users enable`."
    )


class LoginSection(Section):
    """Logging in."""

    throttle: Throttle = setting(Throttle, "How fast logins may be tried.")
    notify_unknown: bool = setting(False, "Who asks for a new password with an address that has no account is told so by mail.")
    allowed_hosts: list[AllowedHostText] = setting([], "Further hosts (or host:port) that next may lead to after a login.")


class Mail(Section):
    """Sending mail."""

    url: MailUrl | None = setting(
        None,
        "smtp+starttls://user@host:587, smtps://user@host:465, smtp://127.0.0.1:25, spool:PATH (a folder) or console:; null: no mail is sent.",
        repr=False,
        shown="smtp+starttls://user@mail.example.com:587",
    )
    password: SecretStr | None = setting(None, "The mail server's password.", secret=True)
    sender: Sender | None = setting(None, "Who mail is from; required with url.", alias="from", shown="Example <no-reply@example.com>")


class AuditSection(Section):
    """The audit trail in the database."""

    retention: Duration = setting(90 * 86_400.0, "How long its entries are kept; an hour at least.")


class Api(Section):
    """The JSON API."""

    enabled: bool = setting(True, "Serve the JSON API.")
    path: RoutePath | None = setting(None, "Where it is; null: api below server.prefix. Elsewhere only its exact paths win over routes.", shown="/")
    hosts: list[HostPattern] = setting([], "Hosts that serve it; empty: public_url's.")
    origins: list[OriginText] = setting([], "Front ends elsewhere that may change things, and get CORS answers.")


class PageLink(Section):
    """A link in the footer of every page."""

    text: Annotated[Text, Field(max_length=80)] = required("What it says.", shown="Imprint")
    url: Link = required("Where it leads.", shown="https://example.com/imprint")


class PagesSection(Section):
    """The operator's mark on the gateway's pages."""

    title: Annotated[Text, Field(max_length=80)] | None = setting(None, "The name on top of every page; null: the host.")
    logo_file: Text | None = setting(None, "A picture above the title: SVG, PNG, JPEG or WebP, at most 256 KiB.", path=True)
    accent: Colour | None = setting(None, "The colour of buttons and links, dark enough for white text (4.5:1).", shown="#0969da")
    links: list[PageLink] = setting([], "Links in the footer, such as imprint and help.")


class LocaleSection(Section):
    """The languages of pages and letters."""

    default: Language = setting("en", "For people whose browser asks for none that is there: en, de, or one of templates.folder's catalogues.")


class TemplatesSection(Section):
    """The operator's own pages, letters and words."""

    folder: Text | None = setting(
        None, "Files in its pages/ and letters/ replace ours of the same name; locales/LANGUAGE.po adds words and languages.", path=True
    )
