from tests.integration import test_protocol_upgrade, test_protocol_polling, test_protocol_jsonp, test_protocol_hostile, test_protocol_requests, test_protocol_leaving, test_protocol_heartbeat, test_protocol_events, test_protocol_frames,test_protocol_handshake
from tests.integration.elsewhere import Elsewhere
from tests.integration.protocol_case import ProtocolCase

for module in (test_protocol_upgrade, test_protocol_polling, test_protocol_jsonp, test_protocol_hostile, test_protocol_requests,test_protocol_leaving, test_protocol_heartbeat, test_protocol_events,test_protocol_frames,test_protocol_handshake):
    for name, cls in list(vars(module).items()):
        if isinstance(cls, type) and issubclass(cls, ProtocolCase) and cls.__module__ == module.__name__:
            for secure in (False, True):
                n = f"{module.__name__.rpartition('_')[2]}_{name}_{'secure' if secure else 'plain'}"
                globals()[n] = type(n, (Elsewhere, cls), {"secure": secure, "__module__": __name__})
del cls, ProtocolCase
