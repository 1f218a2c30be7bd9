"""What execution environments that share one process do not share: whatever the function caches.

Lambda gives each execution environment a process of its own. Here a thousand of them run the same modules, and a
`functools.cache` in these would hand the clients of one to all others, or be cleared for all when one fails.
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
    """The caches of modules, apart for each execution environment."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        """Replace every function that these modules cache, under whatever name they hold it."""
        self._here = threading.local()
        replaced: dict[int, _Apart] = {}
        for module in modules:
            for name, value in list(vars(module).items()):
                if isinstance(value, _CACHED):
                    setattr(module, name, replaced.setdefault(id(value), _Apart(value, self._here)))

    def enter(self, environment: object) -> None:
        """This thread goes on in an environment, whose caches last as long as the object that stands for it."""
        self._here.caches = vars(environment).setdefault("caches", {})


class _Apart:
    """A cached function as each environment has it. It can be called and cleared; it takes what `cached` takes."""

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
