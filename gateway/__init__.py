"""auth-gateway: an authentication gateway for web applications without a login of their own."""

__version__ = "0.1.0"
