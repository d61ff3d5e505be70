"""Pickles read as data: nothing that a file names is imported, called or built.

The standard library's disassembler (``pickletools``) parses the bytes; what follows only moves values on a stack.
Plain values and containers come out as they are. All else, whatever it would have executed, becomes an ``Inert``
record of its name, the arguments and the state that the file gives it.
"""

from __future__ import annotations

import mmap
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, cast

# A byte of a pickle may make an object of some 64 bytes, so without a limit a file would fill the memory.
MAX_STEPS = 5_000_000
_MAX_INDEX = 2**32
PERSISTENT = "persistent id"
# These are dicts in all that matters here.
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict")
_WIDTHS = {
    "": ("INT", "LONG", "FLOAT", "STRING", "UNICODE"),
    "SHORT_BIN": ("STRING", "UNICODE", "BYTES"),
    "BIN": ("INT", "INT1", "INT2", "FLOAT", "STRING", "UNICODE", "UNICODE8", "BYTES", "BYTES8"),
    "LONG": ("1", "4"),
    "BYTEARRAY": ("8",),
}
_VALUES = frozenset(width + kind for width, kinds in _WIDTHS.items() for kind in kinds)


@dataclass(eq=False)
class Inert:
    """Something that a pickle names; it can be looked at, and does nothing.

    Attributes:
        name: ``module.name``, as the file has it.
        args: what it would have been called with, None if it was only named.
        state: what it would have been restored from.
    """

    name: str
    args: tuple[Any, ...] | None = field(default=None, repr=False)
    state: Any = field(default=None, repr=False)


def read_pickle(stream: IO[bytes] | mmap.mmap) -> tuple[Any, list[Any]]:
    """Return what the pickle at the stream's position holds, and the ids of what it keeps outside itself.

    The stream is left behind the pickle's end. What lies outside is an ``Inert`` named ``PERSISTENT``, called with its id.

    Dict entries whose key is not a str, a small int, a bool or None are left out: keys are hashed, and the hash of what a
    file may put there can take forever.

    Raises:
        ValueError: the bytes are not a pickle, are cut off, or take more than ``MAX_STEPS`` steps.
    """
    machine = _Machine()
    try:
        for step, (opcode, argument, _position) in enumerate(pickletools.genops(cast(IO[bytes], stream))):
            if step > MAX_STEPS:
                raise ValueError(f"it takes more than {MAX_STEPS} steps to read")
            _DO[opcode.name](machine, argument)
        return machine.stack.pop(), machine.ids
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"its pickle makes no sense ({type(error).__name__})") from None


class _Machine:
    """The stack, the marks on it and the memo of one pickle; each method does what one opcode or a few say."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.ids: list[Any] = []

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def marked(self) -> list[Any]:
        """What lies above the last mark; the stack below it is the stack again."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def taken(self, count: int) -> list[Any]:
        items = self.stack[-count:]
        if len(items) < count:
            raise IndexError
        del self.stack[-count:]
        return items

    def discard(self) -> None:
        self.marked()

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.discard()

    def remember(self, index: int) -> None:
        if not 0 <= index < _MAX_INDEX:
            raise ValueError("its pickle's memo has an impossible index")
        self.memo[index] = self.stack[-1]

    def gather(self, make: Callable[[list[Any]], Any]) -> None:
        items = self.marked()
        self.stack.append(make(items))

    def extend(self, items: list[Any]) -> None:
        into = self.stack[-1]
        if isinstance(into, list):
            into.extend(items)
        elif not isinstance(into, Inert):
            raise ValueError("its pickle adds items to what holds none")

    def update(self, items: list[Any]) -> None:
        into = self.stack[-1]
        if isinstance(into, dict):
            into.update(_paired(items))
        elif not isinstance(into, Inert):
            raise ValueError("its pickle adds items to what holds none")

    def name(self, module: Any, attribute: Any) -> None:
        self.stack.append(Inert(".".join(part if isinstance(part, str) else "?" for part in (module, attribute))))

    def outside(self, identity: Any) -> None:
        self.ids.append(identity)
        self.stack.append(Inert(PERSISTENT, (identity,)))

    def build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state

    def instance(self, names: str) -> None:
        args = tuple(self.marked())
        self.name(*names.split(" ", 1))
        self.call(self.stack.pop(), args)

    def call(self, called: Any, args: Any) -> None:
        """Note down a call; only the dicts of ``_DICTS`` are made, by this module."""
        if not (isinstance(called, Inert) and isinstance(args, tuple)):
            raise ValueError("its pickle calls what cannot be called")
        plain = called.name in _DICTS and called.args is None
        self.stack.append(_from_pairs(args) if plain else Inert(called.name, args))


def _paired(items: list[Any]) -> dict[Any, Any]:
    return {key: value for key, value in zip(items[::2], items[1::2], strict=True) if _is_key(key)}


def _from_pairs(args: tuple[Any, ...]) -> dict[Any, Any]:
    """What OrderedDict is called with: nothing, or a list of pairs; a defaultdict's factory is left out."""
    pairs = args[0] if args and isinstance(args[0], list) else []
    return {
        pair[0]: pair[1] for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2 and _is_key(pair[0])
    }


def _is_key(key: Any) -> bool:
    return key is None or isinstance(key, str) or (isinstance(key, int) and abs(key) < _MAX_INDEX)


def _ignore(_machine: _Machine, _argument: Any) -> None:
    pass


_DO: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(_VALUES, _Machine.push),
    **dict.fromkeys(("PROTO", "FRAME", "READONLY_BUFFER", "STOP"), _ignore),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "MARK": lambda m, _: m.mark(),
    "POP_MARK": lambda m, _: m.discard(),
    "POP": lambda m, _: m.drop(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": lambda m, _: m.remember(len(m.memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, index: m.push(m.memo[index])),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_SET": lambda m, _: m.push(Inert("builtins.set")),
    "TUPLE1": lambda m, _: m.push(tuple(m.taken(1))),
    "TUPLE2": lambda m, _: m.push(tuple(m.taken(2))),
    "TUPLE3": lambda m, _: m.push(tuple(m.taken(3))),
    "TUPLE": lambda m, _: m.gather(tuple),
    "LIST": lambda m, _: m.gather(list),
    "DICT": lambda m, _: m.gather(_paired),
    "FROZENSET": lambda m, _: m.gather(lambda _items: Inert("builtins.frozenset")),
    "APPEND": lambda m, _: m.extend(m.taken(1)),
    "APPENDS": lambda m, _: m.extend(m.marked()),
    "ADDITEMS": lambda m, _: m.extend(m.marked()),
    "SETITEM": lambda m, _: m.update(m.taken(2)),
    "SETITEMS": lambda m, _: m.update(m.marked()),
    "GLOBAL": lambda m, names: m.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.name(*m.taken(2)),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), lambda m, _: m.name("copyreg", "extension")),
    "PERSID": _Machine.outside,
    "BINPERSID": lambda m, _: m.outside(*m.taken(1)),
    "NEXT_BUFFER": lambda m, _: m.push(Inert("buffer")),
    "BUILD": lambda m, _: m.build(),
    "REDUCE": lambda m, _: m.call(*m.taken(2)),
    "NEWOBJ": lambda m, _: m.call(*m.taken(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.taken(3)[:2]),
    "INST": _Machine.instance,
    "OBJ": lambda m, _: m.gather(lambda items: Inert(items[0].name, tuple(items[1:]))),
}
