"""
Asking sentinels where the master is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, TimeoutError

from txsocketio.errors import AdapterError
from txsocketio.redis.link.connection import connect, log_in
from txsocketio.redis.link.endpoints import redis_endpoint
from txsocketio.redis.link.url import RedisSettings
from txsocketio.support.steady import steady

if TYPE_CHECKING:
    from txsocketio.support.types import Reactor

#: Seconds that each sentinel has.
PATIENCE = 2.0


async def find_master(reactor: Reactor, settings: RedisSettings) -> tuple[str, int]:
    """
    Ask the sentinels, one after the other, for the address of the master.

    :param reactor: that connects.
    :param settings: of a service.
    :raises AdapterError: when none knows it.
    """
    errors = []
    for host, port in settings.addresses:
        asking = Deferred.fromCoroutine(_ask(reactor, settings, (host, port))).addTimeout(PATIENCE, steady(reactor))
        try:
            return await asking
        except TimeoutError:
            errors.append(f"{host}:{port} does not answer")
        except AdapterError as error:
            errors.append(f"{host}:{port}: {error}")
    raise AdapterError(f"no sentinel knows the master of {settings.service}: {'; '.join(errors)}")


async def _ask(reactor: Reactor, settings: RedisSettings, address: tuple[str, int]) -> tuple[str, int]:
    connection = await connect(redis_endpoint(reactor, settings, address, None), steady(reactor).seconds)
    try:
        await log_in(connection, settings.sentinel_username, settings.sentinel_password)
        found = await connection.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.service or "")
        if not found:
            raise AdapterError("knows no such service")
        return found[0].decode(), int(found[1])
    finally:
        connection.abort("the sentinel was asked")
