"""From checked settings to the snapshot that requests see.

Only to be called with what `load` returned: everything here relies on the checks.
"""

from __future__ import annotations

from gateway.config.addresses import parse_allowed_host, parse_host_pattern, parse_network, parse_origin, parse_public_url, parse_upstream
from gateway.config.checks_mail import mail_settings
from gateway.config.checks_templates import languages
from gateway.config.identity import identity_of, strip_list
from gateway.config.keys import decode_key
from gateway.config.load import Loaded
from gateway.config.logo import read_logo
from gateway.config.model import Settings
from gateway.config.model_routes import RouteSection
from gateway.config.rules import make_rules
from gateway.core.api import ApiPlace
from gateway.core.binding import Binding, Bound
from gateway.core.cookies import CookieShape
from gateway.core.forwarded import Trust
from gateway.core.headers import IdentityHeaders
from gateway.core.password import PasswordPolicy
from gateway.core.places import Places
from gateway.core.routes import Route, RouteTable, Timeouts, UpstreamTls
from gateway.core.session import Life
from gateway.core.urls import Origin
from gateway.crypto.keys import Key, KeyRing
from gateway.crypto.wordlists import word_lists
from gateway.snapshot import Limits, Mark, SignUpRules, Snapshot, ThrottleLimits

#: Our cookies without prefix: session, form, language.
_OWN_NAMES = ("gw", "gw-csrf", "gw-lang")


def make_snapshot(loaded: Loaded) -> Snapshot:
    """The snapshot of a configuration that was loaded for serving."""
    settings = loaded.settings
    assert settings.server.public_url is not None, "load(serving=True) refuses this"
    public = parse_public_url(settings.server.public_url)
    strip = strip_list(settings)
    routes = RouteTable(_route(loaded, index, route, identity_of(settings, strip, route)) for index, route in enumerate(settings.routes))
    cookie = cookie_shape(settings, public)
    return Snapshot(
        places=Places(
            public, settings.server.prefix, cookie.domain, tuple(parse_allowed_host(host) for host in settings.login.allowed_hosts), routes
        ),
        trust=_trust(settings),
        keys=KeyRing([Key(key.id, decode_key(key.secret.get_secret_value()), key.seal) for key in settings.keys]),
        cookie=cookie,
        life=_life(settings),
        limits=_limits(settings),
        throttle=_throttle(settings),
        password=_password(settings, public),
        identity=identity_of(settings, strip),
        mark=_mark(settings),
        mail=mail_settings(settings),
        audit_retention=settings.audit.retention,
        signup=_signup(settings),
        notify_unknown=settings.login.notify_unknown,
        max_sessions_per_user=settings.session.max_per_user,
        exclusive_login=settings.session.exclusive_login,
        binding=_binding(settings),
        session_data=settings.session.data.max if settings.session.data.enabled else None,
        api=_api(settings, public),
        admin_group=settings.users.admin_group,
        languages=languages(settings),
        own_cookies=own_cookies(cookie.name),
    )


def cookie_shape(settings: Settings, public: Origin) -> CookieShape:
    """Name, Secure and SameSite, decided once from public_url and the domain, never from a request (DESIGN 1.7)."""
    cookie = settings.session.cookie
    secure = public.scheme == "https" if cookie.secure == "auto" else bool(cookie.secure)
    name = cookie.name
    if name == "auto":
        name = "gw" if not secure else "__Host-gw" if cookie.domain is None else "__Secure-gw"
    return CookieShape(name, secure, cookie.same_site, cookie.domain, cookie.persistent)


def own_cookies(name: str) -> frozenset[bytes]:
    """Every name that is ours: the session cookie's in all variants, the form and the language cookie."""
    plain = name.removeprefix("__Host-").removeprefix("__Secure-")
    return frozenset(f"{prefix}{one}".encode("ascii") for one in (*_OWN_NAMES, plain) for prefix in ("", "__Host-", "__Secure-"))


def _route(loaded: Loaded, index: int, route: RouteSection, identity: IdentityHeaders) -> Route:
    return Route(
        name=route.name,
        hosts=tuple(route.host),
        path=route.path,
        rules=make_rules(route.access, [str(loaded.mark("routes", index, "access", rule)) for rule in range(len(route.access))]),
        source=str(loaded.mark("routes", index)),
        upstream=parse_upstream(route.upstream[0]) if route.upstream else None,
        identity=identity,
        preserve_host=route.preserve_host,
        strip_prefix=route.strip_prefix,
        add_prefix=(route.add_prefix or "").rstrip("/"),
        timeouts=Timeouts(route.timeouts.connect, route.timeouts.response, route.timeouts.idle),
        max_body=route.max_body,
        websocket=route.websocket,
        origins=tuple(route.origins),
        tls=UpstreamTls(route.tls.verify, route.tls.ca_file, route.tls.server_name),
        set_headers=tuple(route.set_headers.items()),
        remove_headers=frozenset(route.remove_headers),
        response_set_headers=tuple(route.response.set_headers.items()),
        response_remove_headers=frozenset(route.response.remove_headers),
        encoded_paths=route.encoded_paths,
    )


def _trust(settings: Settings) -> Trust:
    peers = settings.server.trusted_proxies
    return Trust([parse_network(peer) for peer in peers if peer != "unix:"], unix="unix:" in peers)


def _life(settings: Settings) -> Life:
    session = settings.session
    return Life(session.idle, session.absolute, session.remember, session.rotate_every, session.rotate_grace, session.touch_every)


def _binding(settings: Settings) -> Binding:
    bind = settings.session.bind
    return Binding(Bound(bind.ip), Bound(bind.user_agent), bind.ip_prefix.v4, bind.ip_prefix.v6)


def _limits(settings: Settings) -> Limits:
    limits = settings.server.limits
    return Limits(limits.url, limits.headers, limits.header_timeout, limits.body_idle, limits.keepalive, limits.connections)


def _throttle(settings: Settings) -> ThrottleLimits:
    throttle = settings.login.throttle
    return ThrottleLimits(
        per_ip=throttle.per_ip.count,
        per_ip_window=throttle.per_ip.window,
        delay_after=throttle.per_account_delay_after,
        max_delay=throttle.per_account_max_delay,
        stop_after=throttle.per_account_stop_after,
    )


def _password(settings: Settings, public: Origin) -> PasswordPolicy:
    """Its context: what the operator names, the service's name, and every host that people meet it under."""
    password = settings.users.password
    hosts = dict.fromkeys((public.host, *(host for route in settings.routes for host in route.host)))
    title = () if settings.pages.title is None else (settings.pages.title,)
    return PasswordPolicy(password.min_length, password.max_length, (*password.context_words, *title, *hosts), word_lists)


def _api(settings: Settings, public: Origin) -> ApiPlace | None:
    api = settings.api
    if not api.enabled:
        return None
    hosts = tuple(parse_host_pattern(host) for host in api.hosts) or (public.host,)
    base = f"{settings.server.prefix}/api" if api.path is None else api.path.rstrip("/")
    return ApiPlace(base, api.path is None, hosts, frozenset(parse_origin(origin) for origin in api.origins), settings.session.data.enabled)


def _signup(settings: Settings) -> SignUpRules:
    signup = settings.users.signup
    return SignUpRules(signup.enabled, frozenset(signup.email_domains), signup.require_verification)


def _mark(settings: Settings) -> Mark:
    pages = settings.pages
    links = tuple((link.text, link.url) for link in pages.links)
    if pages.logo_file is None:
        return Mark(title=pages.title, accent=pages.accent, links=links)
    logo = read_logo(pages.logo_file)
    return Mark(pages.title, logo.content, logo.media_type, pages.accent, links)
