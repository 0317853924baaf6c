"""
The queue between fronts and workers: a stream in Redis, read by one group of consumers.

A part stays in the stream until its result is there. A worker that takes it says every few seconds
that it still works on it; when it says nothing for ``LEASE_S`` the part goes to another one. Redis
keeps nothing on disk: when it is lost, those who wait put in again what they still miss. So each
part is done at least once, and a part done twice has the same result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import redis

from picloud_chess.tasks import Result, Task, result_of, task_of

#: Seconds without a sign of life after which a part goes to another worker.
LEASE_S = 10.0
#: Workers that may be lost over one part before it is given up.
MOST_TRIES = 5
#: Seconds that results are kept, and the news that a part was given up.
KEEP_S, KEEP_ERROR_S = 3600, 30
#: Seconds between two looks for results, and between two looks whether parts are still queued.
POLL_S, OFFER_S = 0.2, 2.0
#: Parts that may wait at the same time.
LONGEST = 5000

_STREAM, _GROUP, _QUEUED, _RESULT = "chess:parts", "workers", "chess:queued", "chess:result:"

#: What happens while Redis is away or starts anew.
Outage = redis.exceptions.RedisError


class LateError(Exception):
    """No part was finished for so long that nobody seems to be at work."""


class FullError(Exception):
    """Too much is asked at the same time."""


class Taken(str):
    """The place of a part in the stream, of a worker that took it."""


class Queue:
    """
    The queue, for both sides.

    url
        Of the Redis server: ``redis://chess-queue:6379`` or ``unix:///run/redis.sock``.
    lease
        Seconds without a sign of life after which a part goes to another worker.

    .. code-block:: python

        Queue("redis://chess-queue:6379").collect([tasks.look(positions.START)], patience=60)
    """

    def __init__(self, url: str, lease: float = LEASE_S) -> None:
        self.lease = lease
        self._redis: Any = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)

    def collect(self, wanted: Sequence[Task], patience: float) -> dict[str, Result]:
        """
        Return the results of parts by their keys; put in what is not there yet, and wait.

        wanted
            The parts.
        patience
            Seconds for which nothing may come. Raises LateError then, with the reason as far as it
            can be known, and FullError when too many parts wait already.
        """
        missing = {task.key: task for task in wanted}
        found: dict[str, Result] = {}
        trouble = ""
        news, offered = time.monotonic(), float("-inf")
        while missing:
            try:
                come = self._results(list(missing))
                now = time.monotonic()
                if come:
                    news = now
                found.update(come)
                for key in come:
                    del missing[key]
                if missing and now - offered >= OFFER_S:
                    self._offer(missing)
                    offered = time.monotonic()
                trouble = ""
            except Outage as err:
                trouble = f"the queue cannot be used: {err}"
            if missing and time.monotonic() - news > patience:
                idle = f"none of {len(missing)} parts was finished for {patience:.0f} s"
                raise LateError(trouble or f"{idle}; does a worker run?")
            if missing:
                time.sleep(POLL_S)
        return found

    def _results(self, keys: Sequence[str]) -> dict[str, Result]:
        texts = self._redis.mget([_RESULT + key for key in keys])
        found = {}
        for key, text in zip(keys, texts, strict=True):
            with suppress(ValueError):  # a text of another version: the part is done again
                if text is not None:
                    found[key] = result_of(text)
        return found

    def _offer(self, missing: Mapping[str, Task]) -> None:
        """Put in those parts that are in the queue no more, or not yet."""
        keys = list(missing)
        places = self._redis.hmget(_QUEUED, keys)
        with self._redis.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.xrange(_STREAM, place or "0-1", place or "0-1")
            there = pipe.execute()
        lost = [key for key, entries in zip(keys, there, strict=True) if not entries]
        if not lost:
            return
        if self._redis.xlen(_STREAM) + len(lost) > LONGEST:
            raise FullError("too much is asked at the same time; ask again later")
        with self._redis.pipeline(transaction=False) as pipe:
            for key in lost:
                pipe.xadd(_STREAM, {"key": key, "task": missing[key].text})
            places = pipe.execute()
        self._redis.hset(_QUEUED, mapping=dict(zip(lost, places, strict=True)))

    def take(self, worker: str, wait: float) -> tuple[Taken, Task] | None:
        """
        Return the next part for a worker, or None when there is none.

        worker
            Its name, which no other worker has.
        wait
            Seconds to wait for one, less than 10.
        """
        try:
            return self._abandoned(worker) or self._next(worker, wait)
        except redis.exceptions.ResponseError as err:
            if "NOGROUP" not in str(err):
                raise
        with suppress(redis.exceptions.ResponseError):  # another worker made it just now
            self._redis.xgroup_create(_STREAM, _GROUP, id="0", mkstream=True)
        return None

    def _abandoned(self, worker: str) -> tuple[Taken, Task] | None:
        _cursor, entries, *_gone = self._redis.xautoclaim(
            _STREAM, _GROUP, worker, min_idle_time=round(self.lease * 1000), count=1
        )
        if not entries:
            return None
        ((place, fields),) = entries
        tried = self._redis.xpending_range(_STREAM, _GROUP, place, place, 1)
        times = tried[0]["times_delivered"] if tried else 1
        if times > MOST_TRIES:
            error = f"{times - 1} workers were lost over one part"
            self._finish(place, fields.get("key", ""), Result(worker, error=error).text, True)
            return None
        return self._read(place, fields)

    def _next(self, worker: str, wait: float) -> tuple[Taken, Task] | None:
        streams = self._redis.xreadgroup(
            _GROUP, worker, {_STREAM: ">"}, count=1, block=max(1, round(wait * 1000))
        )
        for _, entries in streams:
            for place, fields in entries:
                return self._read(place, fields)
        return None

    def _read(self, place: str, fields: Mapping[str, str]) -> tuple[Taken, Task] | None:
        key = fields.get("key", "")
        if self._redis.exists(_RESULT + key):
            self._finish(place, key)
            return None
        try:
            return Taken(place), task_of(fields.get("task", ""))
        except ValueError as err:
            self._finish(place, key, Result("-", error=str(err)).text, True)
            return None

    def beat(self, worker: str, place: Taken) -> None:
        """
        Say that a worker still works on a part.

        worker
            Its name.
        place
            What ``take`` gave.
        """
        self._claim(worker, place, 0)

    def give_back(self, worker: str, place: Taken) -> None:
        """
        Let another worker have a part at once.

        worker
            Who had it.
        place
            What ``take`` gave.
        """
        self._claim(worker, place, round(self.lease * 1000))

    def _claim(self, worker: str, place: Taken, idle: int) -> None:
        self._redis.xclaim(_STREAM, _GROUP, worker, 0, [str(place)], idle=idle, justid=True)

    def done(self, place: Taken, task: Task, result: Result) -> None:
        """
        Keep the result of a part, and take the part out.

        place
            What ``take`` gave.
        task
            The part.
        result
            Its result.
        """
        self._finish(place, task.key, result.text)

    def _finish(self, place: str, key: str, text: str = "", failed: bool = False) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            if text:
                pipe.set(_RESULT + key, text, ex=KEEP_ERROR_S if failed else KEEP_S)
            pipe.hdel(_QUEUED, key)
            pipe.xack(_STREAM, _GROUP, place)
            pipe.xdel(_STREAM, place)
            pipe.execute()


def patiently(act: Callable[[], None], seconds: float) -> bool:
    """
    Do something while the queue may be away; say whether it was done.

    act
        What to do.
    seconds
        How long to try.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            act()
        except Outage:
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        else:
            return True
