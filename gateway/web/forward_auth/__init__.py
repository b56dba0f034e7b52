"""Forward-auth: a proxy asks "may this request pass, and who is it?", and forwards the request itself."""
