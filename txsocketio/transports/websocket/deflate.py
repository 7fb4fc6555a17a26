"""
The permessage-deflate extension (RFC 7692): what is accepted, and inflating within limits.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from autobahn.exception import PayloadCorruptError
from autobahn.websocket.compress_deflate import PerMessageDeflate, PerMessageDeflateOffer, PerMessageDeflateOfferAccept

from txsocketio.transports.websocket.upgrade import BadHandshake

#: A sender that ends a message with a final block adds one byte; zlib keeps what comes after a final block for ever.
_MOST_UNUSED: Final = 16
#: The letter a, deflated as one message.
_TRIAL: Final = b"\x4a\x04\x00"


class BoundedDeflate(PerMessageDeflate):  # type: ignore[misc]
    """
    Inflate messages that may end with a final block, without keeping what a hostile peer sends after it.
    """

    _decompressor: Any

    def decompress_message_data(self, data: bytes, max_output_len: int | None = None) -> bytes:
        """
        Inflate a piece of a message.

        :raises PayloadCorruptError: also for more data after a final block than the protocol has a use for.
        """
        inflated: bytes = super().decompress_message_data(data, max_output_len=max_output_len)
        if len(self._decompressor.unused_data) > _MOST_UNUSED:
            raise PayloadCorruptError("data after the final block")
        return inflated

    def end_decompress_message(self) -> None:
        """
        End a message; after a final block the next one begins with a fresh inflater.
        """
        super().end_decompress_message()
        if self._decompressor.eof:
            self._decompressor = None


@cache
def fits() -> bool:
    """
    Try out whether the installed Autobahn keeps its inflater where BoundedDeflate looks for it.
    """
    try:
        accept = PerMessageDeflateOfferAccept(PerMessageDeflateOffer(), max_message_size=1000)
        codec = BoundedDeflate.create_from_offer_accept(True, accept)
        codec.start_decompress_message()
        inflated = codec.decompress_message_data(_TRIAL)
        known = not codec._decompressor.unused_data
        codec.end_decompress_message()
    except Exception:
        # Whatever is wrong with it: then it is not what this was written for.
        return False
    return known and inflated == b"a"


def negotiate(offers: list[tuple[str, dict[str, list[object]]]], limit: int) -> tuple[BoundedDeflate, str] | None:
    """
    Accept the first offer of permessage-deflate.

    :param offers: the client's extensions: names and parameters, in its order.
    :param limit: bytes that a message may have when it is inflated.
    :return: the codec and the value of the answer's Sec-WebSocket-Extensions; None when there is no such offer, or
        the installed Autobahn is not known.
    :raises BadHandshake: for an offer with parameters that do not exist.
    """
    for name, parameters in offers if fits() else ():
        if name == PerMessageDeflateOffer.EXTENSION_NAME:
            try:
                accept = PerMessageDeflateOfferAccept(PerMessageDeflateOffer.parse(parameters), max_message_size=limit)
            except Exception as error:
                # Autobahn raises nothing narrower.
                raise BadHandshake(400, "Sec-WebSocket-Extensions is wrong") from error
            return BoundedDeflate.create_from_offer_accept(True, accept), accept.get_extension_string()
    return None
