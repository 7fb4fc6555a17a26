"""
Waiting for what other servers answer: how many have to, what has come, and an end in any case.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

from txsocketio.core.acks import BroadcastAcks
from txsocketio.errors import AdapterError, BroadcastTimeout, WireError
from txsocketio.redis.cluster.messages import BroadcastAckMessage, ClientCount, Response
from txsocketio.redis.formats.channels import new_id
from txsocketio.support.types import Value

T = TypeVar("T")


class PendingRequests:
    """
    Hold the requests of one namespace that wait, by their id.
    """

    def __init__(self, limit: int) -> None:
        """
        :param limit: how many may wait.
        """
        self._limit = limit
        self._waiting: dict[str, PendingRequest[Value]] = {}

    def __len__(self) -> int:
        """
        Count those that wait.
        """
        return len(self._waiting)

    def __contains__(self, request_id: str) -> bool:
        """
        Say whether a request is one of these, which their own server does not answer.
        """
        return request_id in self._waiting

    def check_room_for_one(self) -> None:
        """
        Check that another one may wait.

        :raises AdapterError: when not.
        """
        if len(self._waiting) >= self._limit:
            raise AdapterError(f"{self._limit} requests to the other servers wait for their answers already")

    def begin(self, request: PendingRequest[T], clock: Value, timeout: float) -> Deferred[T]:
        """
        Let a request wait.

        :param request: not begun before.
        :param clock: IReactorTime.
        :param timeout: seconds.
        :return: fires with what it gives at its end; fails with an AdapterError or a BroadcastTimeout. Cancelling it
            forgets it.
        """
        self._waiting[request.id] = request
        timer = clock.callLater(timeout, request.time_out, timeout)
        deferred: Deferred[T] = Deferred()
        request.deferred = deferred

        def ended(result: Value) -> Value:
            self._waiting.pop(request.id, None)
            request.ended()
            if timer.active():
                timer.cancel()
            return result

        return deferred.addBoth(ended)

    def take(self, response: Response) -> None:
        """
        Hand a response to the request that it answers; one that nobody waits for is ignored.

        :raises WireError: when it is no answer to that.
        """
        request = self._waiting.get(response.request_id)
        if request is not None:
            request.take(response)

    def lose(self, why: str) -> None:
        """
        Tell all of them that nothing will come from other servers any more.

        :param why: in words.
        """
        for request in list(self._waiting.values()):
            request.lose(why)

    def end(self, why: str) -> None:
        """
        Fail all of them.

        :param why: in words.
        """
        for request in list(self._waiting.values()):
            request.fail(AdapterError(why, request.answers))


class PendingRequest(ABC, Generic[T]):
    """
    Hold what waits for the answers of other servers.

    :ivar id: what its answers are known by.
    :ivar deferred: fires at the end; None before the beginning and after the end.
    """

    @property
    @abstractmethod
    def answers(self) -> list[Value]:
        """
        What has come so far.
        """

    def __init__(self) -> None:
        self.id = new_id()
        self.deferred: Deferred[T] | None = None
        #: How many others have to answer; None while that is not known.
        self._servers: int | None = None
        self._heard = 0

    def expect(self, servers: int) -> None:
        """
        Learn how many other servers have to answer; they may have begun.

        :param servers: 0 or more.
        """
        self._servers = servers
        self._look()

    @abstractmethod
    def take(self, response: Response) -> None:
        """
        Take what a server answers.

        :raises WireError: when it is no answer to this.
        """

    def lose(self, why: str) -> None:
        """
        Learn that nothing will come from other servers any more.

        :param why: in words.
        """
        self.fail(AdapterError(why, self.answers))

    def fail(self, error: Exception) -> None:
        """
        End, if it has not ended.

        :param error: what the Deferred fails with.
        """
        if self.deferred is not None:
            self.deferred.errback(error)

    def ended(self) -> None:
        """
        Learn that the Deferred has fired.
        """
        self.deferred = None

    @abstractmethod
    def time_out(self, timeout: float) -> None:
        """
        End, with what there is.

        :param timeout: the seconds that are over.
        """

    @abstractmethod
    def _look(self) -> None:
        """
        End if all have answered.
        """

    @property
    def _all_heard(self) -> bool:
        return self._servers is not None and self._heard >= self._servers

    def _silent(self, timeout: float) -> str:
        if self._servers is None:
            return f"Redis has not told within {timeout:g} seconds how many other servers there are"
        return f"{self._heard} of {self._servers} other servers have answered within {timeout:g} seconds"

    def _succeed(self, result: T) -> None:
        if self.deferred is not None:
            self.deferred.callback(result)


class Gathering(PendingRequest[T]):
    """
    Collect what each of the other servers answers, once.
    """

    def __init__(
        self,
        found: Iterable[Value],
        read: Callable[[Response], Iterable[Value]],
        result: Callable[[list[Value]], Value],
    ) -> None:
        """
        :param found: what is there already.
        :param read: gives the items in an answer, or raises WireError.
        :param result: makes the result, a collection, of all items.
        """
        super().__init__()
        self._found = list(found)
        self._read = read
        self._result = result

    @property
    def answers(self) -> list[Value]:
        """
        What is there so far, of this server and of others.
        """
        items: Iterable[Value] = self._result(self._found)
        return list(items)

    def take(self, response: Response) -> None:
        """
        Take the items of one server, and end with those of the last one.
        """
        self._found += self._read(response)
        self._heard += 1
        self._look()

    def time_out(self, timeout: float) -> None:
        """
        Fail with what has come: some servers have not answered.
        """
        self.fail(AdapterError(self._silent(timeout), self.answers))

    def _look(self) -> None:
        if self._all_heard:
            self._succeed(self._result(self._found))


class Acknowledgements(PendingRequest[list[Value]]):
    """
    Collect what the clients of all servers acknowledge: each server says first how many it has asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Value] = []
        self._lost: str | None = None
        self._question: BroadcastAcks | None = None
        #: How many clients here have still to answer; None while they are being asked.
        self._here: int | None = None
        self._early = 0
        #: How many clients of others have.
        self._elsewhere = 0

    @property
    def answers(self) -> list[Value]:
        """
        What clients have acknowledged so far.
        """
        return self._answers

    def asked_here(self, question: BroadcastAcks) -> None:
        """
        Learn which clients of this server have been asked; they may have answered.

        :param question: of the MemoryAdapter; forgotten at the end.
        """
        self._question = question
        self._here = question.asked - self._early
        self._look()

    def ended(self) -> None:
        """
        Forget the clients of this server that have not answered.
        """
        super().ended()
        question, self._question = self._question, None
        if question is not None:
            question.cancel()

    def answered_here(self, value: Value) -> None:
        """
        Take what a client of this server acknowledges.

        :param value: None, the value or a tuple.
        """
        self._answers.append(value)
        if self._here is None:
            self._early += 1
        else:
            self._here -= 1
            self._look()

    def take(self, response: Response) -> None:
        """
        Take the number of clients that a server has asked, or what one of them has acknowledged.
        """
        if isinstance(response, ClientCount):
            self._heard += 1
            self._elsewhere += response.count
        elif not isinstance(response, BroadcastAckMessage):
            raise WireError("an answer of another kind than the request")
        elif self._elsewhere > 0:
            self._elsewhere -= 1
            self._answers.append(response.value)
        else:
            raise WireError("more acknowledgements than clients that were asked")
        self._look()

    def lose(self, why: str) -> None:
        """
        Wait no longer for other servers. The clients of this server are still waited for.
        """
        if self._lost is None:
            self._lost = why
        self._look()

    def time_out(self, timeout: float) -> None:
        """
        Fail with what has come, and say who is missing.
        """
        if self._lost is not None:
            self.fail(AdapterError(self._lost, self._answers))
        elif not self._all_heard:
            self.fail(AdapterError(self._silent(timeout), self._answers))
        else:
            missing = self._elsewhere + (self._here or 0)
            text = f"{missing} of the clients that were asked have not acknowledged within {timeout:g} seconds"
            self.fail(BroadcastTimeout(text, self._answers))

    def _look(self) -> None:
        if self._here != 0:
            return
        if self._lost is not None:
            self.fail(AdapterError(self._lost, self._answers))
        elif self._all_heard and not self._elsewhere:
            self._succeed(self._answers)
