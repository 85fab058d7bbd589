"""Print the structure's measures, and fail where one is beyond its limit.

    python3 scripts/measure.py [--list]

``--list`` also names what counts against a limit. The sandbox, a program of its own, is not
measured.
"""

import argparse
import ast
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "flowdeploy"
SANDBOX = "sandbox"

# Past participles that do not end in -ed.
IRREGULAR = frozenset(
    """begun bound brought built caught chosen done drawn driven fallen forgotten found given gone
    grown held hidden kept known laid left lent lost made meant met paid seen sent shaken shown
    sold spent spoken taken thought thrown told understood won worn written""".split()  # noqa: SIM905
)
# Words in -ed that are no participles.
NOT_PARTICIPLES = frozenset(
    {"bleed", "breed", "embed", "exceed", "feed", "need", "proceed", "seed"}
)


class Function(NamedTuple):
    place: str
    name: str
    lines: int
    depth: int


class Measure(NamedTuple):
    """``limit`` is the highest value that passes; None: only printed."""

    name: str
    value: float
    limit: float | None = None
    offenders: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        return self.limit is None or self.value <= self.limit


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the structure of src/flowdeploy.")
    parser.add_argument("--list", action="store_true", help="name what counts against a limit")
    options = parser.parse_args()
    found = measures(PACKAGE)
    for measure in found:
        limit = "" if measure.limit is None else f"  (at most {measure.limit:g})"
        verdict = "  " if measure.passes else "✗ "
        print(f"{verdict}{measure.name:44} {measure.value:8g}{limit}")
        if options.list or not measure.passes:
            for offender in measure.offenders:
                print(f"      {offender}")
    return 0 if all(measure.passes for measure in found) else 1


def measures(package: Path) -> list[Measure]:
    """All measures of a package."""
    paths = (path for path in sorted(package.rglob("*.py")) if not is_of_sandbox(path, package))
    files = {path: path.read_text() for path in paths}
    functions = [f for path, text in files.items() for f in functions_in(path, text, package)]
    participles = [function for function in functions if is_participle(function.name)]
    repeated = repeated_classes(files, package)
    lengths = [function.lines for function in functions] or [0]
    return [
        Measure("modules", len(files)),
        Measure("lines", sum(text.count("\n") for text in files.values()), 25_000),
        Measure("entries at the top", len(top_entries(package)), 18),
        Measure("class names that stand twice", len(repeated), 0, repeated),
        Measure("functions", len(functions)),
        Measure(
            "functions named by participles, percent",
            round(100 * len(participles) / max(1, len(functions)), 1),
            4,
            tuple(f"{each.place} {each.name}" for each in participles),
        ),
        Measure("lines of a function, median", statistics.median(lengths)),
        Measure("lines of a function, ninth decile", ninth_decile(lengths)),
        *longest(functions),
        longest_module(files, package),
    ]


def is_of_sandbox(path: Path, package: Path) -> bool:
    return path.relative_to(package).parts[0] == SANDBOX


def top_entries(package: Path) -> list[str]:
    """Modules and folders that a newcomer sees first."""
    hidden = {"__init__.py", "__pycache__", "py.typed"}
    return [path.name for path in package.iterdir() if path.name not in hidden]


def functions_in(path: Path, text: str, package: Path) -> list[Function]:
    where = path.relative_to(package)
    return [
        Function(f"{where}:{node.lineno}", node.name, lines_of(node), depth_of(node))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def depth_of(node: ast.AST, depth: int = 0) -> int:
    """How deep blocks are nested; functions inside are not counted, `elif` nests no deeper."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    inside = (child for child in ast.iter_child_nodes(node) if not isinstance(child, functions))
    return max(
        (depth_of(child, depth + opens_block(child, node)) for child in inside), default=depth
    )


def opens_block(node: ast.AST, parent: ast.AST) -> bool:
    is_elif = isinstance(node, ast.If) and isinstance(parent, ast.If) and parent.orelse == [node]
    blocks = ast.If | ast.For | ast.While | ast.With | ast.Try | ast.AsyncFor | ast.AsyncWith
    return isinstance(node, blocks | ast.Match) and not is_elif


def is_participle(name: str) -> bool:
    """Whether a function's name begins with a past participle: ``made``, ``sorted_by_name``."""
    word = name.strip("_").split("_")[0]
    if word in IRREGULAR:
        return True
    return word.endswith("ed") and word not in NOT_PARTICIPLES


def repeated_classes(files: dict[Path, str], package: Path) -> tuple[str, ...]:
    places: dict[str, list[str]] = defaultdict(list)
    for path, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(package)}:{node.lineno}")
    return tuple(f"{name}: {', '.join(at)}" for name, at in places.items() if len(at) > 1)


def ninth_decile(values: list[int]) -> float:
    return sorted(values)[int(len(values) * 0.9)]


def longest(functions: list[Function]) -> list[Measure]:
    lines = max((f.lines for f in functions), default=0)
    depth = max((f.depth for f in functions), default=0)
    long = tuple(f"{f.place} {f.name}: {f.lines} lines" for f in functions if f.lines > 50)
    deep = tuple(f"{f.place} {f.name}: {f.depth} deep" for f in functions if f.depth > 3)
    return [
        Measure("lines of the longest function", lines, 50, long),
        Measure("deepest nesting", depth, 3, deep),
    ]


def longest_module(files: dict[Path, str], package: Path) -> Measure:
    sizes = {path.relative_to(package): text.count("\n") for path, text in files.items()}
    long = tuple(f"{path}: {size} lines" for path, size in sizes.items() if size > 400)
    return Measure("lines of the longest module", max(sizes.values(), default=0), 400, long)


if __name__ == "__main__":
    sys.exit(main())
