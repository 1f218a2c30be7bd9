"""Separates the function's caches between execution environments that share one process.

In Lambda each execution environment has its own process. Here a thousand of them use the same modules. A
`functools.cache` there would share one environment's clients with all others, or be cleared for all when one fails.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

_CACHED = type(functools.lru_cache(lambda: None))


class Caches:
    """The caches of modules, separate for each execution environment."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        """Replace every cached function of these modules, under all its names."""
        self._here = threading.local()
        replaced: dict[int, _Apart] = {}
        for module in modules:
            for name, value in list(vars(module).items()):
                if isinstance(value, _CACHED):
                    setattr(module, name, replaced.setdefault(id(value), _Apart(value, self._here)))

    def enter(self, environment: object) -> None:
        """Switch this thread to an environment. Its caches live as long as the object `environment`."""
        self._here.caches = vars(environment).setdefault("caches", {})


class _Apart:
    """A cached function, separate for each environment. It can be called and cleared like `cached`."""

    def __init__(self, cached: Any, here: threading.local) -> None:  # noqa: ANN401 - functools has no public type for it
        self._make_cache: Callable[[], Any] = lambda: functools.lru_cache(**cached.cache_parameters())(
            cached.__wrapped__
        )
        self._here = here

    @property
    def _own(self) -> Any:  # noqa: ANN401
        caches: dict[_Apart, Any] = self._here.caches
        if self not in caches:
            caches[self] = self._make_cache()
        return caches[self]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return self._own(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._own, name)
