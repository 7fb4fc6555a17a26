"""
Running handlers: from an event's data to a call and its acknowledgement, flat or along gevent-socketio's hooks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txsocketio.core.decorated import DecoratedCall
from txsocketio.core.handlers import NO_ACK, Handler, HandlerTable
from txsocketio.core.jobs import Jobs, as_deferred, log_failure
from txsocketio.errors import EncodeError
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import ACK, CONNECT_ERROR, EVENT, JSON, MESSAGE, RESERVED_EVENTS, Packet

if TYPE_CHECKING:
    from txsocketio.virtsocket import Socket

_log = Logger()

_FAILED: Final = "{cls}.{handler} of {namespace} failed (socket {sid})"

#: What clients are told of an exception, unless the option ``debug`` is on.
INTERNAL_ERROR = "an internal error occurred"
#: Characters that clients are told of an exception, and of a name that a peer chose.
_LONGEST_TEXT: Final = 1_000
_LONGEST_NAME: Final = 80

#: Methods that run whatever the access list says: they are not the client's to call.
UNGATED = frozenset({"initialize", "recv_connect", "recv_disconnect"})

_RECV = {MESSAGE: "recv_message", JSON: "recv_json", CONNECT_ERROR: "recv_error"}


#: What is neither a Deferred nor a coroutine, at a glance: asking isinstance of a Deferred is dear, it is an ABC.
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, type(NO_ACK)})
#: Of these, what is acknowledged as the one argument that it is.
_SINGLE = _PLAIN - {type(None), tuple, type(NO_ACK)}


class Calls:
    """
    Run the handlers of one namespace instance; the part of BaseNamespace that knows how.

    ``_take_event(data, id, plain, packet)`` is rebound as the namespace's state changes: held while it is joining,
    run while it is connected, dropped afterwards. ``data`` is ``[name, *args]``; ``packet`` is None for events and
    the Packet for 0.9's messages, JSON messages and errors.
    """

    _table: HandlerTable
    #: Those of the table, nearer: what stands in the class is looked for in the instance first.
    _events: dict[str, Handler]
    _allowed: frozenset[str] | None
    ns_name: str
    socket: Socket
    server: Any
    deliver: Callable[[Any], None]
    error: Callable[..., Any]
    exception_handler_decorator: Any
    process_packet: Callable[[dict[str, Any]], Any]
    ordered: bool
    _take_event: Callable[..., None]
    _acknowledged: Callable[[int, list[Any]], None]
    _joining: Any
    close_reason: str | None
    _jobs: Jobs
    #: Events that wait for their turn where the class is ``ordered``.
    _queue: deque[tuple[Any, ...]] | None = None
    _busy = False

    def _run_flat(self, data: list[Any], id: int | None = None, plain: bool = False, packet: Any = None) -> None:
        """
        Run an event where no hook is overridden: nearly always.
        """
        try:
            handler = self._events[data[0]]
        except (KeyError, TypeError):
            handler = None
        if handler is None or packet is not None:
            handler = self._search(data, id, packet)
            if handler is None:
                return
        if self._allowed is not None and handler.name not in self._allowed:
            self._deny(data, id)
            return
        given = self._give_more(handler, data, id, plain, packet) if handler.takes_more else data
        count = len(given) - 1
        if not handler.least <= count <= handler.most:
            self._misfit(data, id)
            return
        function = handler.function
        try:
            # One argument is what most events have; unpacking a list costs more than the call itself.
            result = function(self, given[1]) if count == 1 else function(self, *given[1:])
        except BaseException as error:  # As Deferreds do: not even a SystemExit may take the connection down.
            self._failed(error, handler.name, id)
            return
        if id is None or plain or result.__class__ not in _SINGLE:
            if id is not None or result.__class__ not in _PLAIN:
                self._finish(result, id, plain, handler.name)
        else:
            self._acknowledge(id, [result], handler.name)

    def _give_more(self, handler: Handler, data: list[Any], id: int | None, plain: bool, packet: Any) -> list[Any]:
        """
        Give what a handler gets that takes more than the arguments: from the second item on, as those stand in data.
        """
        if handler.takes_packet:
            return [None, (packet or Packet(EVENT, self.ns_name, id, data, plain)).as_dict()]
        return [None, *data]

    def _search(self, data: list[Any], id: int | None, packet: Packet | None) -> Handler | None:
        """
        Find the handler of what the table does not lead to at once; None when there is nothing to call.
        """
        if packet is not None:
            handler: Handler | None = self._table.methods.get(_RECV[packet.type])
        elif not isinstance(data[0], str) or data[0] in RESERVED_EVENTS:
            self._report("unallowed_event_name", f"{shown(data[0])} cannot be the name of an event", id)
            return None
        else:
            handler = self._table.find(self, data)
        if handler is None:
            self._missing(data, id)
        elif handler.inherited and (self._allowed is None or handler.name in self._allowed):
            return None
        return handler

    def _missing(self, data: list[Any], id: int | None) -> None:
        if self._allowed is not None:
            self._deny(data, id)
        else:
            self._report("no_such_method", f"nothing here takes the event {shown(data[0])}", id)

    def _deny(self, data: list[Any], id: int | None) -> None:
        self._report("method_access_denied", f"you do not have access to the event {shown(data[0])}", id)

    def _misfit(self, data: list[Any], id: int | None) -> None:
        self._report("invalid_method_args", f"the event {shown(data[0])} does not take {len(data) - 1} arguments", id)

    def _report(self, name: str, message: str, id: int | None) -> None:
        try:
            self.error(name, message, msg_id=id)
        except BaseException:
            log_failure(self.server.complaints, "telling of an error failed")

    def _failed(self, error: Any, label: str, id: int | None, failure: Failure | None = None) -> None:
        """
        Take the failure of a handler: log it, tell the client.

        :param error: what it raised; being handled now, unless there is a failure.
        :param failure: what its Deferred failed with.
        """
        if self.close_reason is not None and isinstance(error, CancelledError):
            return
        server = self.server
        complaints, cls, where = server.complaints, type(self).__qualname__, self.ns_name or "/"
        if complaints.permits((LogLevel.critical, _FAILED, type(error), cls, label, where), again=True):
            sid = self.socket.engine_session.sid[:6]
            complaints.write_failure(_log, _FAILED, failure, cls=cls, handler=label, namespace=where, sid=sid)
        self._report("handler_error", error_text(error) if server.options.debug else INTERNAL_ERROR, id)

    def _finish(self, result: Any, id: int | None, plain: bool, label: str) -> None:
        """
        Acknowledge a result, or follow the Deferred that will bring it.
        """
        running = None if result.__class__ in _PLAIN else as_deferred(result)
        if running is not None:
            self._follow(running, id, plain, label)
        elif id is not None and result is not NO_ACK:
            if result is None or plain:
                args: list[Any] = []
            else:
                args = list(result) if isinstance(result, tuple) else [result]
            self._acknowledge(id, args, label)

    def _acknowledge(self, id: int, args: list[Any], label: str) -> None:
        if self.close_reason is not None:
            return
        session = self.socket.engine_session
        try:
            text = session.generation.parser.encode_ack(self.ns_name, id, args)
            if text is None:
                session.deliver(EncodedPacket(Packet(ACK, self.ns_name, id, args)))
            else:
                deliver = session.deliver_text
                deliver(text)
        except EncodeError as error:
            self._failed(error, label, id)

    def _follow(self, deferred: Deferred[Any], id: int | None, plain: bool, label: str) -> None:
        if plain and id is not None:
            # The client's library asked whether the event has arrived, not what comes of it.
            self._finish(None, id, plain, label)
            id = None
        unfinished: bool | None = None

        def done(result: Any) -> None:
            nonlocal unfinished
            if isinstance(result, Failure):
                self._failed(result.value, label, id, result)
            else:
                self._finish(result, id, plain, label)
            if unfinished:
                self._jobs.forget(deferred)
                self.socket.handler_finished()
                self._busy = False
                if self._queue:
                    self.socket.engine_session.serve(self._run_queue(self._queue))
            unfinished = False

        deferred.addBoth(done)
        if unfinished is None:
            unfinished = True
            self._busy = True
            self.socket.handler_started()
            self._jobs.started(deferred)

    def _run_in_order(self, *item: Any) -> None:
        """
        Run an event, or let it wait for the one that has not finished; for classes that are ``ordered``.
        """
        queue = self._queue
        if queue is None:
            queue = self._queue = deque()
        if self._busy or queue:
            queue.append(item)
            self.socket.handler_started()
        else:
            self._run(*item)

    def _run_queue(self, queue: deque[tuple[Any, ...]]) -> Iterator[None]:
        while queue and not self._busy:
            self._run(*queue[0])
            # Counted off last: it may let the session read on, and what comes then belongs behind.
            if queue:
                queue.popleft()
                self.socket.handler_finished()
            yield

    def _drop_queue(self) -> None:
        queue = self._queue
        while queue:
            queue.popleft()
            self.socket.handler_finished()

    @property
    def _run(self) -> Callable[..., None]:
        return self._run_flat if self._table.flat else self._run_chain

    def _running(self) -> Callable[..., None]:
        """
        Give what ``_take_event`` is while the namespace is connected.
        """
        self._events = self._table.events
        return self._run_in_order if self.ordered else self._run

    def _run_chain(self, data: list[Any], id: int | None = None, plain: bool = False, packet: Any = None) -> None:
        """
        Run an event along the hooks of gevent-socketio.
        """
        if packet is None:
            packet = Packet(EVENT, self.ns_name, id, data, plain)
        try:
            result = self.process_packet(packet.as_dict())
        except BaseException as error:
            self._failed(error, self._label_of(packet), id)
            return
        self._finish(result, id, plain, "process_packet" if result.__class__ in _PLAIN else self._label_of(packet))

    def _label_of(self, packet: Packet) -> str:
        """
        Name, for the log, what runs for a packet along the hooks: the method for its event, where there is one.
        """
        name = packet.data[0] if packet.type == EVENT else None
        handler = self._table.events.get(name) if isinstance(name, str) else None
        return "process_packet" if handler is None else handler.name

    def _call_recv_connect(self, packet: Packet) -> Any:
        """
        Ask the application whether the client may join.

        :param packet: the CONNECT.
        :return: what it returned; a coroutine or Deferred is not waited for. NO_ACK refuses.
        """
        if not self._table.flat:
            return self.process_packet(packet.as_dict())
        handler = self._table.methods["recv_connect"]
        return self._invoke(handler, [packet.as_dict()] if handler.takes_packet else [])

    def _take_packet(self, packet: Packet) -> None:
        """
        Take any packet but a CONNECT. A DISCONNECT is only shown to the hooks; the socket closes the namespace.
        """
        kind = packet.type
        if kind == EVENT:
            self._take_event(packet.data, packet.id, packet.plain_ack)
        elif kind in _RECV:
            data = ["error"] if kind == CONNECT_ERROR else ["message", packet.data]
            self._take_event(data, packet.id, packet.plain_ack, packet)
        elif self._joining is None and not self._table.flat:
            self._run_chain([], None, False, packet)
        elif kind == ACK and packet.id is not None:
            self._acknowledged(packet.id, packet.data)

    def _invoke(self, handler: Handler, args: Any) -> Any:
        """
        Call a handler, through ``exception_handler_decorator`` where the class has one.

        :return: what it returned; a coroutine or Deferred is not waited for.
        """
        if not self._table.decorated:
            return handler.function(self, *args)
        return DecoratedCall(self.exception_handler_decorator, getattr(self, handler.name))(*args)


def error_text(error: BaseException) -> str:
    """
    Give what a client is told of an exception where the option ``debug`` is on.

    :param error: which; its text may be long, or raise.
    :return: at most 1,000 characters.
    """
    text = Failure(error).getErrorMessage()
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def shown(name: Any) -> str:
    """
    Give what an error message and a log line may tell of a name that a peer chose.

    :param name: anything.
    :return: a short text without line breaks.
    """
    if isinstance(name, str):
        text = ascii(name[:_LONGEST_NAME])
    elif isinstance(name, float) or (isinstance(name, int) and abs(name) < 1 << 64):
        text = str(name)
    else:
        text = f"a {type(name).__name__}"
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."
