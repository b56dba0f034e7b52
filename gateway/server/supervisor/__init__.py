"""The supervisor of `server.workers`: starts processes that serve, keeps their sockets, and answers the admin listener for all of them.

It imports little beside the standard library's smallest parts (no asyncio, no aiohttp, no configuration), because it does little and must outlive
everything. `gateway serve` reads the configuration and then becomes this program (exec), with a plan; workers are `gateway serve` again, each with
a seat (seat.py). Nothing is forked, so no worker shares memory, threads or a random generator's state with another.

What the two sides say, one JSON object a line:

    supervisor → worker                           worker → supervisor
    {"do": "listen", "seats": [0, 2]}             {"ready": true}             it can serve now
    {"do": "ask", "id": 7, "what": "metrics"}     {"id": 7, "metrics": "…"}   the answer
    {"do": "ask", "id": 8, "what": "ready"}       {"id": 8, "ready": {…}}
    {"do": "ask", "id": 9, "what": "alive"}       {"id": 9}
    {"do": "read", "round": 3}                    {"round": 3, "state": "…"}  a fingerprint of what was read; null: refused
    {"do": "take", "take": true, "tell": false}
                                                  {"changed": true}           a file has changed
                                                  {"leaving": true}           it got SIGTERM, and wants to be replaced
    {"do": "end", "replaced": false}                {"last": "…"}               its metrics, when it ends

plan.py     what the supervisor is told, and becoming it        crew.py     who sits where, who replaces whom
loop.py     sockets, timers, signals                            reloads.py  one configuration for all, or none
member.py   one worker as the supervisor sees it                admin.py    the admin listener
sums.py     metrics of many as those of one
"""
