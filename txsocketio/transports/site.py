"""
The former place of BoundedSite and BoundedRequest, for imports written before they moved to transports.http.site.
"""

from txsocketio.transports.http.site import LINGER, BoundedRequest, BoundedSite

__all__ = ["LINGER", "BoundedRequest", "BoundedSite"]
