"""
Running handlers: from an event's data to a call and its acknowledgement, flat or along gevent-socketio's hooks.

A class that overrides no hook is dispatched to flat: the handler is looked up, checked and called, and no dict is made.
A class that overrides one gets its packets as dicts, along the documented chain ``process_packet``, ``process_event``,
``call_method_with_acl``, ``call_method``; what the overriding method returns is what is acknowledged. Both ways tell
the client of the same faults in the same words.

The functions that take a member are methods of Member, which names them in its class; those that take a namespace are
the hooks themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txsocketio.core.acks import as_arguments
from txsocketio.core.handlers import NO_ACK, Handler
from txsocketio.core.jobs import as_deferred, jobs_of, log_failure
from txsocketio.errors import EncodeError
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import ACK, CONNECT_ERROR, EVENT, JSON, MESSAGE, RESERVED_EVENTS, Packet
from txsocketio.support.types import Arguments, Function, Value

if TYPE_CHECKING:
    from txsocketio.core.member import Member
    from txsocketio.namespace import BaseNamespace

_log = Logger()

_FAILED: Final = "{cls}.{handler} of {namespace} failed (socket {sid})"

#: What clients are told of an exception, unless the option ``debug`` is on.
INTERNAL_ERROR = "an internal error occurred"
#: Characters that clients are told of an exception, and of a name that a peer chose.
_LONGEST_TEXT: Final = 1_000
_LONGEST_NAME: Final = 80

#: What clients are told of an event that no handler is called for, by the name of the error.
_FAULTS: Final = {
    "unallowed_event_name": "{event} cannot be the name of an event",
    "no_such_method": "nothing here takes the event {event}",
    "method_access_denied": "you do not have access to the event {event}",
    "invalid_method_args": "the event {event} does not take {count} arguments",
}

#: Methods that run whatever the access list says: they are not the client's to call.
UNGATED = frozenset({"initialize", "recv_connect", "recv_disconnect"})

_RECV = {MESSAGE: "recv_message", JSON: "recv_json", CONNECT_ERROR: "recv_error"}


#: What is neither a Deferred nor a coroutine, at a glance: asking isinstance of a Deferred is dear, it is an ABC.
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, type(NO_ACK)})
#: Of these, what is acknowledged as the one argument that it is.
_SINGLE = _PLAIN - {type(None), tuple, type(NO_ACK)}


def run_flat(
    member: Member, data: Arguments, id: int | None = None, plain: bool = False, packet: Packet | None = None
) -> None:
    """
    Run an event where no hook is overridden: nearly always.

    :param member: whose client has sent it.
    :param data: the name and the arguments.
    :param id: of the acknowledgement that the client wants, or None.
    :param plain: whether that acknowledgement has no arguments.
    :param packet: None for an event; the packet for 0.9's messages, JSON messages and errors.
    """
    try:
        handler = member.events[data[0]]
    except (KeyError, TypeError):
        handler = None
    if handler is None or packet is not None:
        handler = _search(member, data, id, packet)
        if handler is None:
            return
    if member.allowed is not None and handler.name not in member.allowed:
        tell_fault(member, "method_access_denied", data[0], id)
        return
    given = _give_more(member, handler, data, id, plain, packet) if handler.takes_more else data
    count = len(given) - 1
    if not handler.least <= count <= handler.most:
        tell_fault(member, "invalid_method_args", data[0], id, len(data) - 1)
        return
    function = handler.function
    try:
        # One argument is what most events have; unpacking a list costs more than the call itself.
        result = function(member.namespace, given[1]) if count == 1 else function(member.namespace, *given[1:])
    except BaseException as error:  # As Deferreds do: not even a SystemExit may take the connection down.
        failed(member, error, handler.name, id)
        return
    if id is None or plain or result.__class__ not in _SINGLE:
        if id is not None or result.__class__ not in _PLAIN:
            finish(member, result, id, plain, handler.name)
    else:
        acknowledge(member, id, [result], handler.name)


def _give_more(
    member: Member, handler: Handler, data: Arguments, id: int | None, plain: bool, packet: Packet | None
) -> Arguments:
    """
    Give what a handler gets that takes more than the arguments: from the second item on, as those stand in data.
    """
    if handler.takes_packet:
        return [None, (packet or Packet(EVENT, member.name, id, data, plain)).as_dict()]
    return [None, *data]


def _search(member: Member, data: Arguments, id: int | None, packet: Packet | None) -> Handler | None:
    """
    Find the handler of what the table does not lead to at once; None when there is nothing to call.
    """
    if packet is not None:
        handler: Handler | None = member.table.methods.get(_RECV[packet.type])
    elif not isinstance(data[0], str) or data[0] in RESERVED_EVENTS:
        tell_fault(member, "unallowed_event_name", data[0], id)
        return None
    else:
        handler = member.table.find(member.namespace, data)
    if handler is None:
        tell_fault(member, "no_such_method" if member.allowed is None else "method_access_denied", data[0], id)
    elif handler.inherited and (member.allowed is None or handler.name in member.allowed):
        return None
    return handler


def tell_fault(member: Member, fault: str, event: object, id: int | None, count: int = 0) -> None:
    """
    Tell of an event that no handler is called for, in the one text that the fault has.

    :param member: whose client has sent it.
    :param fault: the name of the error.
    :param event: the name of the event, whatever the client gave as one.
    :param id: of the acknowledgement that the client wants, or None.
    :param count: how many arguments came.
    """
    _report(member, fault, _FAULTS[fault].format(event=shown(event), count=count), id)


def _report(member: Member, name: str, message: str, id: int | None) -> None:
    try:
        member.namespace.error(name, message, msg_id=id)
    except BaseException:
        log_failure(member.socket.server.complaints, "telling of an error failed")


def failed(
    member: Member, error: BaseException | None, label: str, id: int | None, failure: Failure | None = None
) -> None:
    """
    Take the failure of a handler: log it, tell the client.

    :param member: whose handler it was.
    :param error: what it raised; being handled now, unless there is a failure.
    :param label: what the log calls the handler.
    :param id: of the acknowledgement that the client wants, or None.
    :param failure: what its Deferred failed with.
    """
    namespace = member.namespace
    if namespace.close_reason is not None and isinstance(error, CancelledError):
        return
    server = member.socket.server
    complaints, cls, where = server.complaints, type(namespace).__qualname__, member.name or "/"
    if complaints.permits((LogLevel.critical, _FAILED, type(error), cls, label, where), again=True):
        sid = member.socket.engine_session.sid[:6]
        complaints.write_failure(_log, _FAILED, failure, cls=cls, handler=label, namespace=where, sid=sid)
    _report(member, "handler_error", error_text(error) if server.options.debug else INTERNAL_ERROR, id)


def finish(member: Member, result: Value, id: int | None, plain: bool, label: str) -> None:
    """
    Acknowledge a result, or follow the Deferred that will bring it.

    :param member: whose handler gave it.
    :param result: a value, a Deferred or a coroutine.
    :param id: of the acknowledgement that the client wants, or None.
    :param plain: whether that acknowledgement has no arguments.
    :param label: what the log calls the handler.
    """
    running = None if result.__class__ in _PLAIN else as_deferred(result)
    if running is not None:
        _follow(member, running, id, plain, label)
    elif id is not None and result is not NO_ACK:
        acknowledge(member, id, [] if plain else as_arguments(result), label)


def acknowledge(member: Member, id: int, args: Arguments, label: str) -> None:
    """
    Send an acknowledgement, without making a packet where the parser can do without.

    :param member: whose client waits for it.
    :param id: as the client gave it.
    :param args: its arguments.
    :param label: what the log calls the handler that gave them.
    """
    if member.namespace.close_reason is not None:
        return
    session = member.socket.engine_session
    try:
        text = session.generation.parser.encode_ack(member.name, id, args)
        if text is None:
            session.deliver(EncodedPacket(Packet(ACK, member.name, id, args)))
        else:
            deliver = session.deliver_text
            deliver(text)
    except EncodeError as error:
        failed(member, error, label, id)


def _follow(member: Member, deferred: Deferred[Value], id: int | None, plain: bool, label: str) -> None:
    if plain and id is not None:
        # The client's library asked whether the event has arrived, not what comes of it.
        finish(member, None, id, plain, label)
        id = None
    unfinished: bool | None = None

    def done(result: Value) -> None:
        nonlocal unfinished
        if isinstance(result, Failure):
            failed(member, result.value, label, id, result)
        else:
            finish(member, result, id, plain, label)
        if unfinished:
            jobs_of(member).forget(deferred)
            member.socket.handler_finished()
            member.busy = False
            if member.queue:
                member.socket.engine_session.serve(_run_queue(member, member.queue))
        unfinished = False

    deferred.addBoth(done)
    if unfinished is None:
        unfinished = True
        member.busy = True
        member.socket.handler_started()
        jobs_of(member).started(deferred)


def run_in_order(member: Member, *item: Value) -> None:
    """
    Run an event, or let it wait for the one that has not finished; for classes that are ``ordered``.

    :param member: whose client has sent it.
    :param item: what ``run_flat`` takes.
    """
    queue = member.queue
    if queue is None:
        queue = member.queue = deque()
    if member.busy or queue:
        queue.append(item)
        member.socket.handler_started()
    else:
        member.run(*item)


def _run_queue(member: Member, queue: deque[tuple[Value, ...]]) -> Iterator[None]:
    while queue and not member.busy:
        member.run(*queue[0])
        # Counted off last: it may let the session read on, and what comes then belongs behind.
        if queue:
            queue.popleft()
            member.socket.handler_finished()
        yield


def drop_queue(member: Member) -> None:
    """
    Forget the events that wait for their turn.

    :param member: which is closing.
    """
    queue = member.queue
    while queue:
        queue.popleft()
        member.socket.handler_finished()


def run_chain(
    member: Member, data: Arguments, id: int | None = None, plain: bool = False, packet: Packet | None = None
) -> None:
    """
    Run an event along the hooks of gevent-socketio; takes what ``run_flat`` takes.
    """
    if packet is None:
        packet = Packet(EVENT, member.name, id, data, plain)
    try:
        result = member.namespace.process_packet(packet.as_dict())
    except BaseException as error:
        failed(member, error, _label_of(member, packet), id)
        return
    finish(member, result, id, plain, "process_packet" if result.__class__ in _PLAIN else _label_of(member, packet))


def _label_of(member: Member, packet: Packet) -> str:
    """
    Name, for the log, what runs for a packet along the hooks: the method for its event, where there is one.
    """
    name = packet.data[0] if packet.type == EVENT else None
    handler = member.table.events.get(name) if isinstance(name, str) else None
    return "process_packet" if handler is None else handler.name


def take_packet(member: Member, packet: Packet) -> None:
    """
    Take any packet but a CONNECT. A DISCONNECT is only shown to the hooks; the socket closes the namespace.

    :param member: whose client has sent it.
    :param packet: for this namespace.
    """
    kind = packet.type
    if kind == EVENT:
        member.take(packet.data, packet.id, packet.plain_ack)
    elif kind in _RECV:
        data = ["error"] if kind == CONNECT_ERROR else ["message", packet.data]
        member.take(data, packet.id, packet.plain_ack, packet)
    elif member.connecting is None and not member.table.flat:
        run_chain(member, [], None, False, packet)
    elif kind == ACK and packet.id is not None:
        member.acknowledged(packet.id, packet.data)


def call_recv_connect(member: Member, packet: Packet) -> Value:
    """
    Ask the application whether a client may join.

    :param member: being made.
    :param packet: the client's CONNECT.
    :return: what it returned; a coroutine or Deferred is not waited for. NO_ACK refuses.
    """
    if not member.table.flat:
        return member.namespace.process_packet(packet.as_dict())
    # Nor is it decorated: that is one of the hooks, too.
    handler = member.table.methods["recv_connect"]
    function = handler.function
    return function(member.namespace, packet.as_dict()) if handler.takes_packet else function(member.namespace)


def invoke(member: Member, handler: Handler, args: Sequence[Value]) -> Value:
    """
    Call a handler, through ``exception_handler_decorator`` where the class has one.

    :param member: whose it is.
    :param handler: which.
    :param args: what it gets.
    :return: what it returned; a coroutine or Deferred is not waited for.
    """
    namespace = member.namespace
    if not member.table.decorated:
        return handler.function(namespace, *args)
    return DecoratedCall(namespace.exception_handler_decorator, getattr(namespace, handler.name))(*args)


# The hooks.


def process_packet(namespace: BaseNamespace, packet: dict[str, Value]) -> Value:
    """
    Dispatch a packet by its type; see BaseNamespace.process_packet.
    """
    kind = packet["type"]
    if kind == "event":
        return namespace.process_event(packet)
    if kind == "ack":
        namespace._member.acknowledged(packet["ackId"], packet["args"])
    elif kind in ("message", "json"):
        return namespace.call_method_with_acl(f"recv_{kind}", packet, packet.get("data"))
    elif kind in ("connect", "error"):
        return namespace.call_method_with_acl(f"recv_{kind}", packet)
    return NO_ACK


def process_event(namespace: BaseNamespace, packet: dict[str, Value]) -> Value:
    """
    Find the method for an event and have it called; see BaseNamespace.process_event.
    """
    name, args = packet["name"], packet["args"]
    member = namespace._member
    if not isinstance(name, str) or name in RESERVED_EVENTS:
        tell_fault(member, "unallowed_event_name", name, packet.get("id"))
        return NO_ACK
    handler = member.table.events.get(name) or member.table.find(namespace, [name, *args])
    if handler is None:
        return namespace.call_method_with_acl(f"on_{name.replace(' ', '_')}", packet, *args)
    return namespace.call_method_with_acl(handler.name, packet, *((name, *args) if handler.catch_all else args))


def call_method_with_acl(
    namespace: BaseNamespace, method_name: str, packet: Mapping[str, Value], args: Sequence[Value]
) -> Value:
    """
    Have a method called if the access list allows it; see BaseNamespace.call_method_with_acl.
    """
    if method_name not in UNGATED and not namespace.is_method_allowed(method_name):
        _tell_of(namespace, "method_access_denied", packet)
        return NO_ACK
    return namespace.call_method(method_name, packet, *args)


def call_method(
    namespace: BaseNamespace, method_name: str, packet: Mapping[str, Value], args: Sequence[Value]
) -> Value:
    """
    Call a method without asking the access list; see BaseNamespace.call_method.
    """
    member = namespace._member
    handler = member.table.method(namespace, method_name)
    if handler is None:
        _tell_of(namespace, "no_such_method", packet)
        return NO_ACK
    if handler.inherited:
        return NO_ACK if packet["type"] in ("event", "message", "json") else None
    given: Sequence[Value] = [packet] if handler.takes_packet else args
    if not handler.least <= len(given) <= handler.most:
        _tell_of(namespace, "invalid_method_args", packet, len(args))
        return NO_ACK
    return invoke(member, handler, given)


def _tell_of(namespace: BaseNamespace, fault: str, packet: Mapping[str, Value], count: int = 0) -> None:
    tell_fault(namespace._member, fault, packet.get("name", packet["type"]), packet.get("id"), count)


class DecoratedCall:
    """
    Call one function through ``exception_handler_decorator``, and find out whether that swallowed its exception: one
    try/except in the decorator serves for what is raised and for what fails later.
    """

    __slots__ = ("_decorator", "_deferred", "_failed", "_function")

    def __init__(self, decorator: Callable[[Function], Function], function: Function) -> None:
        """
        :param decorator: the namespace's, bound.
        :param function: what to call; the decorator sees its ``__name__``.
        """
        self._decorator = decorator
        self._function = function
        self._failed = False
        self._deferred: Deferred[Value] | None = None

    def __call__(self, *args: Value, **kwargs: Value) -> Value:
        """
        Call the function.

        :param args: for it.
        :param kwargs: for it.
        :return: its value, or a Deferred with it; NO_ACK when the decorator swallowed an exception.
        """

        @wraps(self._function)
        def watched(*args: Value, **kwargs: Value) -> Value:
            return self._watch(args, kwargs)

        result = self._decorator(watched)(*args, **kwargs)
        outcome = as_deferred(result)
        if outcome is None:
            return NO_ACK if self._failed else result
        if outcome is self._deferred:
            outcome.addErrback(self._again, args, kwargs)
        # A decorator that waits for the result itself has seen the failure already.
        return outcome.addCallback(lambda value: NO_ACK if self._failed else value)

    def _watch(self, args: tuple[Value, ...], kwargs: dict[str, Value]) -> Value:
        self._failed = False
        try:
            result = self._function(*args, **kwargs)
        except BaseException:
            self._failed = True
            raise
        self._deferred = as_deferred(result)
        if self._deferred is None:
            return result
        return self._deferred.addErrback(self._mark)

    def _mark(self, failure: Failure) -> Failure:
        self._failed = True
        return failure

    def _again(self, failure: Failure, args: tuple[Value, ...], kwargs: dict[str, Value]) -> Value:
        # A namespace that closes cancels what runs; that is nobody's mistake and not for the decorator to report.
        if failure.check(CancelledError):
            return failure

        @wraps(self._function)
        def failing(*args: Value, **kwargs: Value) -> Value:
            failure.raiseException()

        return self._decorator(failing)(*args, **kwargs)


def error_text(error: BaseException | None) -> str:
    """
    Give what a client is told of an exception where the option ``debug`` is on.

    :param error: which; its text may be long, or raise.
    :return: at most 1,000 characters.
    """
    text = Failure(error).getErrorMessage()
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def shown(name: object) -> str:
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
