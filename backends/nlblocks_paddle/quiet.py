"""Paddle's import, without what it says then: of compiler caches and threads, to those who build it.

What it warns of later, in the user's own calls, is not touched; nor is an import that fails.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from nlblocks import interrupts

PADDLE = "paddle"
LEVEL = "GLOG_minloglevel"  # read when it is imported; 2: errors alone


def prepare() -> None:
    """Let the first ``import paddle`` of this process be quiet, whoever writes it."""
    if PADDLE not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds Paddle where the others do, until it is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != PADDLE:
            return None
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(fullname, path, target)
            if found is not None:
                found.loader = None if found.loader is None else _Quiet(found.loader, self)
                return found
        return None


class _Quiet(Loader):
    """Paddle's own loader, which it is again as soon as it runs."""

    def __init__(self, own: Loader, finder: _Finder) -> None:
        self.own, self.finder = own, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        module.__loader__ = self.own
        if module.__spec__ is not None:
            module.__spec__.loader = self.own
        with _quiet():
            self.own.exec_module(module)


@contextmanager
def _quiet() -> Iterator[None]:
    heard, level = io.StringIO(), os.environ.get(LEVEL)
    os.environ.setdefault(LEVEL, "2")
    try:
        with warnings.catch_warnings(), redirect_stderr(heard):
            warnings.simplefilter("ignore")
            yield
    except BaseException:
        if not interrupts.asked():  # by Ctrl-C: that Paddle was not imported is as wanted
            sys.stderr.write(heard.getvalue())
        raise
    finally:
        if level is None:
            os.environ.pop(LEVEL, None)
