"""The JSON API: the routes, fields and statuses of a known application, so that its clients work against the gateway (docs/api.md).

`handler` finds the route and applies what holds for all of them; `body` reads what was sent; the other modules answer, one subject each.
"""
