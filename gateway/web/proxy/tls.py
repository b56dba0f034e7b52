"""How https upstreams are verified: one SSLContext per upstream, so that no connection made for one name or authority serves another
(CVE-2026-54275).

Verification is on unless `verify: false` is written (CVE-2025-66491, where a switch named "on" turned it off). TLS 1.2 at least; only http/1.1 is
offered.
"""

from __future__ import annotations

import ssl

from gateway.core.routes import UpstreamTls


def upstream_context(tls: UpstreamTls) -> ssl.SSLContext:
    """The context for connections to an upstream. Raises OSError (ssl.SSLError is one) when `ca_file` cannot be used."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
