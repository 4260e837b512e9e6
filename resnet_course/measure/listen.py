"""Listen to modules while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn


@contextmanager
def listening(
    modules: Mapping[str, nn.Module], note: Callable[[str, object], Tensor | None]
) -> Iterator[None]:
    """Call `note(name, output)` whenever a module has run; a tensor it returns replaces the output.

    No hook is left behind.
    """
    with ExitStack() as hooks:
        for name, module in modules.items():
            hook = lambda _module, _inputs, output, name=name: note(name, output)  # noqa: E731
            hooks.enter_context(module.register_forward_hook(hook))
        yield
