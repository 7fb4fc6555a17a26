"""
Packets that are nearly right: captured ones, with one to three of their parts changed.
"""

import base64
import json
import random
import re
from contextlib import suppress
from pathlib import Path

_MODERN = re.compile(r"(?s)(\d)(\d?)(?:(\d+)-)?(?:(/[^,]*),)?(\d*)(.*)")
_LEGACY = re.compile(r"(?s)(\d):(\d*\+?):([^:]*)(?::(.*))?")

#: What JSON cannot say, or should not: put in place of a value as it stands.
_RAW = ["NaN", "-Infinity", "1e999", "-", "01", '"\\ud800"', '"\\u0000"', "[", "}", "9" * 400, "9" * 5000, "tru", ""]
_RAW += ["[" * 3000 + "]" * 3000, '{"a":' * 500 + "1" + "}" * 500, '{"a":1,"a":2}', "[1,]", "\ufeff1", "\x1e", "\x00"]
_MARK = "\ue000{}\ue000"

_VALUES = [None, True, 0, -1, 1.5, 2**53, 10**30, "", "text", "\u2028", "😀", [], {}, [[]], {"": None}]
_VALUES += [{"_placeholder": True, "num": num} for num in (0, 1, 7, -1, 0.5, "0", None, True, 10**20)]
_VALUES += [{"_placeholder": 1, "num": 0}, {"_placeholder": True}, {"__proto__": {"a": 1}}, "x" * 5000]

_NAMESPACES = ["", "/", "//", "/chat", "/open", "/admin", "/nope", "/chat?a=b", "/Chat", "/chat/", "/ch\u00e4t", "/\n"]
_NAMESPACES += ["/" + "n" * 5000, "/__class__", "/chat,/open", "/..", "/%2f"]

_IDS = ["", "0", "1", "7", "007", "-1", "1.5", "9" * 20, "9" * 400, "\u0663", "\u00b2", "+", "1+", "++", "0x1", " 1"]
_COUNTS = ["", "0", "1", "2", "3", "10", "11", "99", "9" * 20, "-1", "01", "1.5", "\u0662"]


class Shape:
    """
    Hold a packet in its parts, each of which may be changed to anything.
    """

    def __init__(self, legacy, packet):
        text, *attachments = packet
        self.legacy = legacy
        self.attachments = [base64.b64decode(attachment) for attachment in attachments]
        if legacy:
            self.engine, self.count = "", ""
            self.kind, self.id, self.namespace, rest = _LEGACY.fullmatch(text).groups("")
        else:
            parts = _MODERN.fullmatch(text).groups("")
            self.engine, self.kind, self.count, self.namespace, self.id, rest = parts
        self.name = self.args = None
        self.rest = rest
        with suppress(ValueError):
            self._read(json.loads(rest))

    def _read(self, data):
        if self.legacy and isinstance(data, dict) and "name" in data:
            self.name, self.args = data["name"], list(data.get("args", []))
        elif isinstance(data, list) and data and isinstance(data[0], str) and not self.legacy:
            self.name, *self.args = data
        else:
            self.args = [data]
            self.rest = None

    def messages(self):
        """
        Write the packet: a str, and bytes for each attachment.
        """
        if self.legacy:
            head = f"{self.kind}:{self.id}:{self.namespace}"
            return [f"{head}:{self._data()}" if self._data() else head, *self.attachments]
        count = self.count and f"{self.count}-"
        namespace = self.namespace and f"{self.namespace},"
        return [f"{self.engine}{self.kind}{count}{namespace}{self.id}{self._data()}", *self.attachments]

    def _data(self):
        if self.args is None:
            return self.rest
        if self.name is None:
            data = self.args[0] if len(self.args) == 1 else self.args
        else:
            data = {"name": self.name, "args": self.args} if self.legacy else [self.name, *self.args]
        text = json.dumps(data, ensure_ascii=False)
        return re.sub('"\ue000(\\d+)\ue000"', lambda match: _RAW[int(match[1])], text)


class Mutator:
    """
    Make packets, the same ones for the same seed.
    """

    def __init__(self, seed, handlers, names):
        """
        :param seed: of the random numbers.
        :param handlers: events that there are handlers for, granted or not.
        :param names: other names that an attacker would try.
        """
        self._random = random.Random(seed)
        self._handlers = sorted(handlers)
        self._names = sorted(names)
        captured = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
        self._captured = {generation: captured[generation] for generation in ("eio4", "eio3", "legacy")}
        self._changes = [
            *[self.rename] * 4,
            *[self.swap_argument] * 3,
            self.nest,
            self.more_or_fewer_arguments,
            self.renumber,
            self.other_namespace,
            self.other_kind,
            self.other_engine_type,
            self.miscount,
            self.lose_or_add_attachments,
        ]

    def packets(self, generation, number):
        """
        Yield packets: lists of messages.
        """
        choice, legacy = self._random.choice, generation == "legacy"
        for _ in range(number):
            shape = Shape(legacy, choice(self._captured[generation]))
            for _ in range(self._random.choice((1, 1, 2, 3))):
                choice(self._changes)(shape)
            messages = shape.messages()
            if self._random.random() < 0.15:
                messages[0] = self.garble(messages[0])
            if self._random.random() < 0.05:
                self._random.shuffle(messages)
            yield messages

    def value(self):
        if self._random.random() < 0.2:
            return _MARK.format(self._random.randrange(len(_RAW)))
        return self._random.choice(_VALUES)

    def rename(self, shape):
        shape.args = shape.args or []
        shape.kind = "5" if shape.legacy else shape.kind
        pools = [self._handlers, self._handlers, self._names, self._names, [self.value()]]
        shape.name = self._random.choice(self._random.choice(pools))

    def swap_argument(self, shape):
        if shape.args:
            shape.args[self._random.randrange(len(shape.args))] = self.value()

    def nest(self, shape):
        if shape.args:
            index = self._random.randrange(len(shape.args))
            for _ in range(self._random.choice((1, 3, 30, 300))):
                shape.args[index] = [shape.args[index]] if self._random.random() < 0.5 else {"k": shape.args[index]}

    def more_or_fewer_arguments(self, shape):
        if shape.args is not None:
            shape.args = (shape.args * self._random.choice((0, 0, 2, 5, 50)))[:200]

    def renumber(self, shape):
        shape.id = self._random.choice(_IDS)

    def other_namespace(self, shape):
        shape.namespace = self._random.choice(_NAMESPACES)

    def other_kind(self, shape):
        shape.kind = self._random.choice("0123456789")

    def other_engine_type(self, shape):
        shape.engine = self._random.choice(["4", "4", *"0123456789b", "", "x", "\u0664"])

    def miscount(self, shape):
        shape.count = self._random.choice(_COUNTS)

    def lose_or_add_attachments(self, shape):
        if self._random.random() < 0.5:
            del shape.attachments[:1]
        else:
            shape.attachments += [self._random.randbytes(self._random.choice((0, 1, 5, 200)))]

    def garble(self, text):
        """
        Change the text itself: cut it, double it, or put something in.
        """
        at = self._random.randrange(len(text) + 1)
        rest = self._random.choice(["", text[at:] * 2, text[at + 1 :], text[at:]])
        return text[:at] + self._random.choice(["", "", "\x1e", "\x00", ":", ",", '"', "[", "\ud800", "é"]) + rest
