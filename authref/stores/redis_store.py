"""How do servers on several machines remember together? They ask one that does nothing else.

Redis, and Valkey, its twin, keep keys and values in memory, answer over the network, and forget by themselves at
the time one names. Several machines can share one; each look-up then costs a way there and back.

Rules of this file:
- each verb is one such way. What has to look before it writes is a script, which the server runs whole before
  it listens to anybody else;
- a way that failed is never gone twice: the first try may have been heard, and a `pop` that succeeded on the
  second would say that nothing was there;
- what many requests look up at the same time is one question (together.py);
- with `copies`, a verb is answered once so many replicas have what was written until then (WAIT);
- a server that is full refuses what needs room; then what has ended goes first, and it is tried once more;
- a server that does not answer in time is away; whoever asked hears 503, and the next one asks again;
- whether an entry has ended is decided by the clock of whoever asks, like everywhere else. But nobody removes what
  has not ended by more than CLOCK_ERROR, nor does Redis before a day has passed: one machine whose clock is ahead
  would end everybody's logins on all of them.

Its layout, for the map `sessions` ({} keeps a map's keys on one machine of a cluster):

    authref:{sessions}:entry:KEY      the value, with the time at which Redis drops it
    authref:{sessions}:keys           all keys, sorted by name: for `page`
    authref:{sessions}:ends           all keys, sorted by the time they end: for `len` and for tidying up
    authref:{sessions}:owner:USER     the user's keys, sorted by the order in which they came
    authref:{sessions}:number         counts them
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis

from authref.maps import Map, Store, StoreUnavailable
from authref.revocation import CLOCK_ERROR
from authref.stores.codec import Codec
from authref.stores.redis_link import connect, replicas, said
from authref.stores.together import Round

V = TypeVar("V")

TIMEOUT = 2.0  # seconds for connecting, and for each answer
CLOCK_DIFFERENCE = 60  # seconds between our clock and the server's from which on we say so
COPY_SECONDS = 1.0  # within which as many replicas as --store-copies says must have a write
OLDEST = 7  # the first major version with PEXPIREAT … GT

# Each script begins with this. KEYS[1] is the map's prefix, ARGV[1] our clock, in seconds. What ended before `long_ago`
# has ended by every server's clock.
_COMMON = f"local CLOCK_ERROR = {CLOCK_ERROR}" """
local prefix, now, key, text = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]
local long_ago = now - CLOCK_ERROR

local function field(value, name)  -- nil for what is missing, and for null
  local found = value[name]
  if found ~= cjson.null then return found end
end

local function live(key)  -- the entry's text, or nil
  local text = redis.call('GET', prefix .. 'entry:' .. key)
  local ends = text and field(cjson.decode(text), 'expires_at')
  if text and not (ends and ends <= now) then return text end
end

local function remove(key)
  local text = redis.call('GET', prefix .. 'entry:' .. key)
  local owner = text and field(cjson.decode(text), 'user_id')
  if owner then redis.call('ZREM', prefix .. 'owner:' .. owner, key) end
  redis.call('DEL', prefix .. 'entry:' .. key)
  redis.call('ZREM', prefix .. 'keys', key)
  redis.call('ZREM', prefix .. 'ends', key)
end

local function tidy(limit)
  local ended = redis.call('ZRANGEBYSCORE', prefix .. 'ends', '-inf', long_ago, 'LIMIT', 0, limit)
  for _, old in ipairs(ended) do remove(old) end
end

local function own(owner, key, number, ends)
  local set = prefix .. 'owner:' .. owner
  for _, other in ipairs(redis.call('ZRANGE', set, 0, -1)) do
    local until_when = redis.call('ZSCORE', prefix .. 'ends', other)  -- not its text: twenty long ones hold up all
    if not until_when or tonumber(until_when) <= long_ago then remove(other); redis.call('ZREM', set, other) end
  end
  redis.call('ZADD', set, 'NX', number, key)
  if not ends then redis.call('PERSIST', set)
  elseif redis.call('ZCARD', set) == 1 then redis.call('PEXPIREAT', set, ends)
  else redis.call('PEXPIREAT', set, ends, 'GT') end  -- the set stays as long as the last of its entries
end

local function put(key, text)
  tidy(10)  -- first, for a Redis whose memory is full lets things go
  -- And then this: it is refused there, or nothing that comes after it, for what has begun to write may go on.
  local number = redis.call('INCR', prefix .. 'number')
  local before, value = live(key), cjson.decode(text)
  local owner, ends = field(value, 'user_id'), field(value, 'expires_at')
  if not before or field(cjson.decode(before), 'user_id') ~= owner then remove(key) end
  if ends and ends <= now then return remove(key) end
  local milliseconds = ends and string.format('%.0f', math.ceil((ends + 86400) * 1000))
  redis.call('SET', prefix .. 'entry:' .. key, text)
  redis.call('ZADD', prefix .. 'keys', 0, key)
  redis.call('ZADD', prefix .. 'ends', ends or '+inf', key)
  if owner then own(owner, key, number, milliseconds) end
  if ends then redis.call('PEXPIREAT', prefix .. 'entry:' .. key, milliseconds) end
end
"""

_SCRIPTS = {
    "set": "put(key, text)",
    "setdefault": """
local current = live(key)
if not current then put(key, text) end
return current
""",
    "pop": """
local current = live(key)
remove(key)
return current
""",
    "replace": """
local current = live(key)
if current ~= text then return current end
put(key, ARGV[4])
return 1
""",
    "owned_by": """
local found = {}
for _, each in ipairs(redis.call('ZRANGE', prefix .. 'owner:' .. key, 0, -1)) do
  local current = live(each)
  if current then table.insert(found, each); table.insert(found, current) end
end
return found
""",
    "drop_owned_by": """
local dropped = 0
for _, each in ipairs(redis.call('ZRANGE', prefix .. 'owner:' .. key, 0, -1)) do
  if live(each) then dropped = dropped + 1 end
  remove(each)
end
redis.call('DEL', prefix .. 'owner:' .. key)
return dropped
""",
    "page": """
local found, after, limit = {}, '(' .. key, tonumber(text)
repeat
  local keys = redis.call('ZRANGEBYLEX', prefix .. 'keys', after, '+', 'LIMIT', 0, limit)
  for _, each in ipairs(keys) do
    local current = live(each)
    if current and #found < 2 * limit then table.insert(found, each); table.insert(found, current) end
    after = '(' .. each
  end
until #found == 2 * limit or #keys < limit
return found
""",
    "len": "return redis.call('ZCOUNT', prefix .. 'ends', '(' .. ARGV[1], '+inf')",
    "tidy": "tidy(100)",
}


class RedisStore(Store):
    """Maps in a Redis or Valkey server. Raises ValueError, in a sentence, if it cannot be used."""

    shared = True
    slow = frozenset({"reads", "writes"})  # each is a way over the network
    key_file = None

    def __init__(
        self, url: str, now: Callable[[], float] = time.time, prefix: str = "authref", copies: int = 0
    ) -> None:
        self._now, self._prefix, self._copies, self._round = now, prefix, copies, Round()
        self._prefixes: set[str] = set()  # of its maps
        try:
            self._client = connect(url, TIMEOUT)
            self._scripts = {name: self._client.register_script(_COMMON + code) for name, code in _SCRIPTS.items()}
            about = self._client.info()
            refusal = self._refusal(about)
            if not refusal:
                self.check()  # INFO is answered also by one that still loads its data, or only copies another one
        except (redis.RedisError, OSError, StoreUnavailable) as error:
            raise ValueError(f"Cannot reach the Redis store ({said(error)}); start it, or name another one.") from None
        except (ValueError, TypeError):  # they say what could not be read: that may be a part of the password
            kinds = "redis://:PASSWORD@HOST:PORT/NUMBER or redis+sentinel://:PASSWORD@HOST:PORT,HOST:PORT/NAME"
            raise ValueError(f"Write {kinds}, with a / in the password as %2F.") from None
        if refusal:
            self.close()
            raise ValueError(refusal)
        if (policy := about.get("maxmemory_policy", "noeviction")) != "noeviction":
            self.forgets = f"Redis drops entries when its memory is full (maxmemory-policy {policy})"

    def map(self, name: str, kind: type[V]) -> Map[V]:
        prefix = f"{self._prefix}:{{{name}}}:"
        self._prefixes.add(prefix)
        return RedisMap(self, prefix, Codec(kind), self._now)

    def check(self) -> list[str]:
        self.ask(lambda: self._copied(self._mark) if self._copies else self._mark(self._client))
        seconds, microseconds = self.ask(self._client.time)
        difference = self._now() - seconds - microseconds / 1e6
        if abs(difference) <= CLOCK_DIFFERENCE:
            return []
        return [f"This machine's clock is {difference:+.0f} s from that of Redis; set both by NTP."]

    def close(self) -> None:
        self._client.close()

    def warnings(self) -> list[str]:
        found = self.check()
        try:
            config = self._client.config_get("append*")
        except redis.RedisError:  # who rents a server is often not shown how it is set
            config = None
        if config is not None and (config.get("appendonly"), config.get("appendfsync")) != ("yes", "always"):
            found.append("Redis may forget what it has confirmed; set appendonly yes and appendfsync always.")
        if self.forgets:
            found.append(f"{self.forgets}: accounts vanish, and revoked tokens work again; set it to noeviction.")
        return found

    def run(self, script: str, prefix: str, *arguments: str) -> Any:
        """What the script returns."""

        def call(client: Any = None) -> Any:
            return self._scripts[script](keys=[prefix], args=[repr(self._now()), *arguments], client=client)

        return self.ask(lambda: self._copied(call) if self._copies else call())

    def get(self, key: str) -> str | None:
        """The text at this key."""
        if self._round.found is not None:
            return self._round.look_up(key)
        text: str | None = self.ask(lambda: self._client.get(key))
        return text

    def together(self, jobs: list[Callable[[], bytes]]) -> list[bytes | None]:
        """What each job returns, looked up together; None for those that want more, or could not be served so."""
        # MGET, unlike GET, finds nothing where a value of another kind stands. Whoever can put one there, in place of
        # a denial, could delete it as well.
        return self._round.answers(jobs, lambda keys: self.ask(lambda: self._client.mget(keys)))

    def ask(self, command: Callable[[], Any]) -> Any:
        """What the server answers. Raises StoreUnavailable."""
        self._round.leave()
        try:
            try:
                return command()
            except redis.exceptions.OutOfMemoryError:  # refused, so that nothing of it was done
                for prefix in self._prefixes:
                    self._scripts["tidy"](keys=[prefix], args=[repr(self._now())])
                return command()
        except (redis.RedisError, OSError, UnicodeDecodeError) as error:
            raise StoreUnavailable(f"Redis: {type(error).__name__}: {said(error)}") from error

    def _mark(self, client: Any) -> Any:
        """Write something that nobody reads: a replica refuses it, and so does a server that cannot write."""
        return client.set(f"{self._prefix}:check", "1", px=1000)

    def _copied(self, call: Callable[[Any], Any]) -> Any:
        """What the call answers, once enough replicas have it. Raises StoreUnavailable."""
        with self._client.pipeline(transaction=False) as pipe:
            call(pipe)
            # WAIT promises to look at what this connection wrote. A `pop` that is repeated, since the first one lies
            # here alone, writes nothing. So something is written behind it: what came before is copied before.
            self._mark(pipe)  # where there is no room for it, the others are not to fail
            pipe.execute_command("WAIT", self._copies, int(COPY_SECONDS * 1000))
            answer, _, copies = pipe.execute(raise_on_error=False)
        for outcome in (answer, copies):
            if isinstance(outcome, Exception):
                raise outcome
        if copies < self._copies:
            raise StoreUnavailable(f"Redis: {copies} of {self._copies} replicas have it")
        return answer

    def _refusal(self, about: dict[str, Any]) -> str:
        """Why this server, as INFO describes it, cannot be used, in a sentence; or nothing."""
        version = str(about["redis_version"])
        if int(version.partition(".")[0]) < OLDEST:
            return f"The Redis store is of version {version}; use {OLDEST}.0 or newer, or Valkey."
        if about.get("cluster_enabled"):  # not redis_mode, which Valkey calls server_mode, and Redict redict_mode
            return "This Redis is part of a cluster, over which no map can be spread; use one that stands alone."
        if "sentinel_masters" in about:
            return "This is a Sentinel; write redis+sentinel://HOST:PORT/NAME."
        if self._copies and "min_slaves_good_slaves" not in about:
            return "A master that was cut off would go on; for --store-copies, set min-replicas-to-write 1 in Redis."
        # WAIT counts any replica, also one that never becomes the master: the one that does may be the one without.
        if self._copies and self._copies < (have := replicas(self._client)):
            return f"Any of {have} replicas may lack what the others have; write --store-copies {have}."
        return ""


class RedisMap(Map[V]):
    """One map in the server."""

    def __init__(self, store: RedisStore, prefix: str, codec: Codec[V], now: Callable[[], float]) -> None:
        self._store, self._prefix, self._codec, self._now = store, prefix, codec, now

    def get(self, key: str) -> V | None:
        text = self._store.get(f"{self._prefix}entry:{key}")
        value = self._codec.read(text) if text is not None else None
        end = getattr(value, "expires_at", None)
        return None if end is not None and end <= self._now() else value

    def __setitem__(self, key: str, value: V) -> None:
        self._run("set", key, self._codec.write(value))

    def setdefault(self, key: str, value: V) -> V:
        current = self._run("setdefault", key, self._codec.write(value))
        return value if current is None else self._codec.read(current)

    def pop(self, key: str) -> V | None:
        text = self._run("pop", key)
        return None if text is None else self._codec.read(text)

    def replace(self, key: str, old: V, new: V) -> bool:
        answer = self._run("replace", key, self._codec.write(old), self._codec.write(new))
        # Before a field was added the same value was another text; who takes it for another value tries for ever.
        if isinstance(answer, str) and self._codec.read(answer) == old:
            answer = self._run("replace", key, answer, self._codec.write(new))
        return bool(answer == 1)

    def owned_by(self, user_id: str) -> dict[str, V]:
        return self._read(self._run("owned_by", user_id))

    def drop_owned_by(self, user_id: str) -> int:
        return int(self._run("drop_owned_by", user_id))

    def page(self, after: str, limit: int) -> dict[str, V]:
        return self._read(self._run("page", after, str(limit)))

    def __len__(self) -> int:
        return int(self._run("len"))

    def _run(self, script: str, *arguments: str) -> Any:
        return self._store.run(script, self._prefix, *arguments)

    def _read(self, found: list[str]) -> dict[str, V]:
        return {key: self._codec.read(text) for key, text in zip(found[::2], found[1::2], strict=True)}
