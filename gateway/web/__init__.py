"""HTTP, on aiohttp: the front, the proxy, the pages. Sees services and core, never stores or configuration files."""
