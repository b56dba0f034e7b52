"""The whole configuration.

Each key's type, default and description stand in the model's sections; the reference and the JSON schema are made from them.
"""

from __future__ import annotations

from gateway.config.model_identity import IdentitySection
from gateway.config.model_routes import RouteSection
from gateway.config.model_server import KeySection, Log, Server
from gateway.config.model_session import SessionSection
from gateway.config.model_users import Api, AuditSection, LocaleSection, LoginSection, Mail, PagesSection, TemplatesSection, Users
from gateway.config.section import Section, setting

#: Sections and keys of later versions, so that a reader of newer documentation learns why they are unknown.
LATER = frozenset({"webhook", "pictures", "metrics", "tracing"})
LATER_IN = {"login": frozenset({"recent", "basic", "notify_unknown"}), "routes": frozenset({"basic", "forward_authorization"})}


class Settings(Section):
    """Every section. Times are seconds and sizes bytes once read."""

    server: Server = setting(Server, "The process: where it listens and how browsers reach it.")
    log: Log = setting(Log, "The log on standard error.")
    keys: list[KeySection] = setting([], "Secrets that seal cookies and records. The first without `seal: false` seals, all of them open.")
    session: SessionSection = setting(SessionSection, "Sessions: where they are kept, and how long.")
    users: Users = setting(Users, "Accounts and their database.")
    login: LoginSection = setting(LoginSection, "Logging in.")
    mail: Mail = setting(Mail, "Sending mail.")
    audit: AuditSection = setting(AuditSection, "The audit trail, beside its lines on standard output.")
    api: Api = setting(Api, "The JSON API.")
    pages: PagesSection = setting(PagesSection, "The operator's mark on the gateway's pages.")
    locale: LocaleSection = setting(LocaleSection, "The languages of pages and letters.")
    templates: TemplatesSection = setting(TemplatesSection, "The operator's own pages, letters and words.")
    identity: IdentitySection = setting(IdentitySection, "How upstreams are told who somebody is.")
    routes: list[RouteSection] = setting([], "What is protected, and where it leads.")
