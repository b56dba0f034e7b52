"""The gateway's own pages and endpoints: login, logout, who is logged in, problems, assets (DESIGN 1.4 to 1.6).

A visit (`visit.py`) is one request for an own page. The table of endpoints stands in `handler.py`; each endpoint is a function from a visit to an
answer. Everything works without JavaScript; nobody but `render.py` makes HTML, and nobody but `policy.py` names security headers.
"""
