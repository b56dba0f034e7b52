"""The reverse proxy's data path: our own upstream client, and the way its answers take to the client.

handler     the proxy as the front sees it (`Proxy`)
errand      one request, there and back
lane        what is worked out once for a route and used by each of its requests
asking      the head of the request as the upstream gets it
names       what becomes of a header, by its name
binding     logins that bind a connection
pool        connections to one upstream, kept alive
connection  one of them: an asyncio protocol
answers     what an upstream's bytes mean: strict, no I/O
heads       the ordinary ones of them, in one pass
upload      the request's body, client to upstream
reply       the answer, upstream to client
tunnel      a WebSocket: bytes both ways
tls         how https upstreams are verified
faults      what can go wrong, and what the client is told
"""
