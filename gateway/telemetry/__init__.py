"""What operators see: metrics, the access line, the log. Nothing in here may hold a secret, and nothing here is waited for by a request."""
