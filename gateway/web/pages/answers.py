"""Answers that several pages give."""

from __future__ import annotations

from aiohttp import web

from gateway.web.pages.visit import Visit


def see_other(visit: Visit, location: str) -> web.Response:
    """303 (RFC 9110 section 15.4.4): GET there, whatever this was."""
    headers = {"Location": location, "Cache-Control": "no-store", "Vary": "Cookie", "X-Request-Id": visit.request_id}
    return web.Response(status=303, headers=headers)


def expire_planted(visit: Visit, response: web.Response) -> web.Response:
    """`response`; where different sessions are presented it expires our cookie host-only and with the domain.

    The login mark goes with them: a browser without a session's cookie is no loop when we have just taken it away.
    """
    if len(visit.presented) < 2:
        return response
    for line in visit.snapshot.cookie.expiring_variants(visit.facts.host):
        response.headers.add("Set-Cookie", line)
    return visit.mark(response, visit.form_cookie.marked(0)) if visit.form_cookie.login else response
