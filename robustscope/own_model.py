"""The network that a user's Python file makes."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from torch import nn


def load_model(spec: str) -> nn.Module:
    """The network that a function of a Python file returns.

    The file is run, as Python runs it: give none that you would not run. It can import what lies
    beside it.

    Args:
        spec: FILE.py:FUNCTION, a function without arguments.

    Raises:
        ValueError: There is no such file or function, or one of them fails.
    """
    where, _, function = spec.rpartition(":")
    path = Path(where)
    if not path.is_file() or path.suffix != ".py" or not function.isidentifier():
        raise ValueError(
            f"evaluate.model must be FILE.py:FUNCTION of a file that exists; got {spec!r}. "
            "Write for instance my_file.py:make_network."
        )
    make = getattr(_module(path), function, None)
    if not callable(make):
        raise ValueError(
            f"evaluate.model must name a function of {path}; got {function!r}, which is none there."
        )
    return _made(make, spec)


def _module(path: Path) -> object:
    found = importlib.util.spec_from_file_location("robustscope_own_model", path.resolve())
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses and pickles in the file look it up
    sys.path.insert(0, str(path.resolve().parent))
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"evaluate.model must be a file that Python can run; got {type(error).__name__}: "
            f"{error} in {path}. Correct it."
        ) from error
    finally:
        sys.path.pop(0)
    return module


def _made(make: Callable[[], nn.Module], spec: str) -> nn.Module:
    try:
        return make()
    except Exception as error:
        raise ValueError(
            f"evaluate.model must be a function without arguments that returns a network; got "
            f"{type(error).__name__}: {error} from {spec}. Correct it."
        ) from error
