"""The reverse proxy's data path: our own upstream client, and the way its answers take to the client.

handler     one proxied request from top to bottom (`Proxy`)
lane        what is worked out once for a route and used by each of its requests
asking      the head of the request as the upstream gets it
pool        connections to one upstream, kept alive
connection  one of them: an asyncio protocol
answers     what an upstream's bytes mean: strict, no I/O
upload      the request's body, client to upstream
reply       the answer, upstream to client
tunnel      a WebSocket: bytes both ways
tls         how https upstreams are verified
faults      what can go wrong, and what the client is told
"""
