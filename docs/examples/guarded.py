from twisted.logger import Logger

from txsocketio import BaseNamespace, ConnectionRefused


class NoSuchItem(Exception):
    pass


class Guarded(BaseNamespace):
    ns_name = "/guarded"
    log = Logger()

    def exception_handler_decorator(self, fn):
        def wrapper(*args, **kwargs):
            try:
                return fn(*args, **kwargs)
            except ConnectionRefused:
                raise
            except NoSuchItem as error:
                self.log.info("{method}: {error}", method=fn.__name__, error=error)
                self.error("no_such_item", str(error))

        return wrapper

    async def on_buy(self, item):
        if item.lower() != "tea":
            raise NoSuchItem(f"there is no {item}")
        return "sold"
