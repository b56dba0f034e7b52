"""The process: connections, listeners, reload, shutdown, and the one place where things are constructed (wiring.py)."""
