"""Code of the user's own, such as a detector or a reward: named by its module or by its file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def module_of(where: str, source: bytes | None = None) -> ModuleType:
    """Import ``package.module`` or ``path/to/file.py``; what is wrong with it is raised as it comes.

    The module of a file is entered in `sys.modules`, where dataclasses look for it, under its path: two files may have
    the same name. `source` is the text of the file, where it was read before: the file may be gone since.
    """
    if not where.endswith(".py"):
        return importlib.import_module(where)
    path = Path(where).resolve()
    if source is None and not path.is_file():
        raise FileNotFoundError(f"there is no file {where}")
    spec = importlib.util.spec_from_file_location(str(path), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if source is None:
        spec.loader.exec_module(module)
    else:
        exec(compile(source, str(path), "exec"), vars(module))
    return module
