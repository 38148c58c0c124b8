"""Which files of this Python's environment make a package that programs in the bubblewrap sandbox may import."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from heldout.errors import UsageError
from heldout.sandbox.base import Checks, Program

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_EXTRA = re.compile(r"\bextra\s*==")  # of a requirement: only where somebody asked for more


@dataclass(frozen=True, slots=True)
class Packages:
    """What programs may import beside the standard library."""

    imports: tuple[str, ...]  # what a worker imports before it takes programs
    paths: tuple[Path, ...]  # files and folders, to lie beside one another under their own names

    def named_in(self, program: Program) -> bool:
        """Whether the text of a program, or of the tests that run it, holds the name of one of the modules."""
        texts = [program.source, *(one.source for one in program.inputs if isinstance(one, Checks))]
        return any(name in text for text in texts for name in self._modules)

    @property
    def _modules(self) -> Iterator[str]:
        return (name for path in self.paths if (name := path.name.removesuffix(".py")).isidentifier())


def installed(names: Sequence[str]) -> Packages:
    """Find packages, and all that they require, in the environment of this Python.

    A name is that of a distribution (``scikit-learn``) or of a module (``sklearn``, ``scipy.stats``); all modules of a
    distribution are meant by its name. A UsageError where it is not installed.
    """
    found = [_distributions(name) for name in names]
    imports = dict.fromkeys(module for modules, _ in found for module in modules)
    needed: dict[str, metadata.Distribution] = {}
    left = [one for _, distributions in found for one in distributions]
    while left:
        one = left.pop()
        if _normal(one.name) not in needed:
            needed[_normal(one.name)] = one
            left += _required(one)
    paths = dict.fromkeys(path for one in needed.values() for path in _top(one))
    return Packages(tuple(imports), tuple(paths))


def _distributions(name: str) -> tuple[list[str], list[metadata.Distribution]]:
    """The modules that a name stands for, and the distributions that hold them."""
    top = name.partition(".")[0]
    if top in _holders():
        return [name], [metadata.distribution(one) for one in _holders()[top]]
    if _NAME.fullmatch(name):
        holding = [module for module, held in _holders().items() if _normal(name) in map(_normal, held)]
        modules = [module for module in holding if module.isidentifier() and not module.startswith("_")]
        if modules:
            return modules, [metadata.distribution(name)]
    raise UsageError(f"The package {name!r} is not installed in this Python, so no program can have it.")


@cache
def _holders() -> dict[str, list[str]]:
    return {module: sorted(set(held)) for module, held in metadata.packages_distributions().items()}


def _required(one: metadata.Distribution) -> Iterator[metadata.Distribution]:
    for requirement in one.requires or ():
        name, _, marker = requirement.partition(";")
        found = _NAME.match(name.strip())
        if found and not _EXTRA.search(marker):
            try:
                yield metadata.distribution(re.split(r"[^\w.-]", found[0])[0])
            except metadata.PackageNotFoundError:  # for another system or Python
                continue


def _top(one: metadata.Distribution) -> Iterator[Path]:
    """The folders and files of a distribution at the top of where modules lie."""
    for name in dict.fromkeys(file.parts[0] for file in one.files or ()):
        path = Path(str(one.locate_file(name)))
        if name not in ("..", "__pycache__") and not name.endswith(".pth") and path.exists():
            yield path


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
