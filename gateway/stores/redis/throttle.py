"""Throttle counters in Redis, shared by all processes. Each count is one script on one key, so that parallel attempts cannot overtake each other."""

from __future__ import annotations

from gateway.stores.redis.connect import Commands, Script
from gateway.stores.redis.sessions import milliseconds

#: ARGV: limit, window (ms). Returns the milliseconds left, 0 while there is room. A window without an end gets one: nobody is locked out for ever.
_TAKE = Script("""
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
if count <= tonumber(ARGV[1]) then return 0 end
return math.max(left, 1)
""")

#: ARGV: delay_after, max_delay (s), keep (ms), now (s). Returns the seconds left as text, '0' when counted.
_STRIKE = Script("""
local kept = redis.call('HMGET', KEYS[1], 'count', 'until')
local count, till = tonumber(kept[1] or 0), tonumber(kept[2] or 0)
local longest, now = tonumber(ARGV[2]), tonumber(ARGV[4])
if till > now then return string.format('%.3f', math.max(math.min(till - now, longest), 0.001)) end
count, till = count + 1, 0
if count >= tonumber(ARGV[1]) then till = now + math.min(2 ^ math.min(count, 60), longest) end
redis.call('HSET', KEYS[1], 'count', count, 'until', string.format('%.6f', till))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return '0'
""")


class RedisThrottleStore:
    """See `ThrottleStore`. `client` comes from `open_redis`; whoever made it closes it."""

    def __init__(self, client: Commands) -> None:
        self._client = client

    async def take(self, key: str, limit: int, window: float) -> float:
        """Count one attempt; 0.0 or the seconds until the window ends."""
        left: int = await _TAKE.run(self._client, key, limit, milliseconds(window))
        return left / 1000

    async def strike(self, key: str, delay_after: int, max_delay: float, keep: float, now: float) -> float:
        """Count one failure in advance, unless a delay is running; 0.0 or the seconds left."""
        return float(await _STRIKE.run(self._client, key, delay_after, max_delay, milliseconds(keep), now))

    async def clear(self, key: str) -> None:
        """Forget the count."""
        await self._client.execute_command("DEL", key)
