"""The own account: what people see of it and change in it (DESIGN 1.5, accounts.md section 2).

Every page asks the gate (`gate.py`) who is there. An account that has expired reaches these pages and nothing else; no page here changes an account's
state. What cannot be undone with a click is asked once more on a page of its own.
"""
