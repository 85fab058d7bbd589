"""Differences between runtimes. The families are those of gcloud 528, by prefix of the name."""

import re

_SECOND_GENERATION = re.compile(
    r"nodejs[0-9]*|php[789][0-9]*|python3[0-9]*|go1[0-9][0-9]|java[123456][0-9]*"
)

_EVERYWHERE = (".gcloudignore", ".git", ".gitignore")
_IGNORED = {
    "nodejs": ("node_modules/",),
    "php": ("/vendor/",),
    "python": ("__pycache__/", "/setup.cfg"),
    "go": ("*.exe", "*.exe~", "*.dll", "*.so", "*.dylib", "*.test", "*.out"),
    "java": ("target/",),
}


def is_second_generation(runtime: str) -> bool:
    """Whether a runtime uses ``.gcloudignore`` and does not allow ``skip_files``."""
    return bool(_SECOND_GENERATION.match(runtime))


def default_ignore_rules(runtime: str) -> tuple[str, ...]:
    """The ignore rules of a second-generation runtime without a ``.gcloudignore``."""
    family = next(name for name in _IGNORED if runtime.startswith(name))
    return _EVERYWHERE + _IGNORED[family]
