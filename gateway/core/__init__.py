"""The rules, pure: no I/O, no clock, no randomness, no third party.

Words that mean one thing each, in every layer:

- **facts**: what a request says, after trust has been applied (`facts.Facts`).
- **route**: a part of a host's URL space and what protects it (`routes.Route`).
- **rule**: one line of a route's access list (`access.Rule`).
- **decision**: what is to happen with a request, a plain value (`decide.Decision`).
- **answer**: what a surface must hear of a decision (`answer.Answer`).
- **admission**: facts, route, decision, answer and identity headers together, made once per request by `services/gatekeeper.py`.
- **snapshot**: the immutable configuration that one request sees (`gateway/snapshot.py`).
"""
