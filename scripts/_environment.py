"""The environment of the scripts: .venv, made from requirements/dev.txt.

Python 3.6 and later can read this file and the scripts that import it, so that one
which is too old can say so: nothing below the first check runs there.
"""

import ast
import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit(
        f"This needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.\n"
        f"Where a newer one is installed, name it: python3.13 {' '.join(sys.argv)}"
    )

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "dev.txt"
VENV = ROOT / ".venv"
PROGRAMS = VENV / "bin"
PYTHON = PROGRAMS / "python"
MADE_FROM = VENV / "made-from"

NOT_INSTALLED = (
    "The packages of requirements/dev.txt could not be installed. Where no package index is\n"
    "in reach, name one in PIP_INDEX_URL, and its certificate in PIP_CERT."
)


def ensure_environment() -> dict[str, str]:
    """Make .venv, unless it is there and up to date; the variables to use its programs with.

    One script at a time: another that begins meanwhile waits, and finds it made.
    """
    with LOCK.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        wanted = fingerprint()
        if not MADE_FROM.is_file() or MADE_FROM.read_text() != wanted:
            print("Making .venv from requirements/dev.txt …", flush=True)
            make_environment()
            MADE_FROM.write_text(wanted)
    return {**os.environ, "PATH": os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])}


def fingerprint() -> str:
    """What an environment depends on: the lock, the project, its place, and this Python.

    A Python is its feature version and where it is installed, so that one called from an
    environment, and one that was updated in place, stay the same.
    """
    python = f"{sys.version_info[:2]} {Path(sys.base_prefix).resolve()}"
    digest = hashlib.sha256(f"{ROOT}\n{python}\n".encode())
    digest.update(LOCK.read_bytes())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def make_environment() -> None:
    create_environment()
    install_uv()
    install_lock(pip_settings())
    install_flowdeploy()


def create_environment() -> None:
    """An empty environment with pip. Debian packs what this needs apart from Python."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            sys.exit(
                f"{sys.executable} lacks the module {module}, which makes virtual environments.\n"
                "On Debian and Ubuntu: apt-get install python3-venv"
            )
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], f"{VENV} could not be made.")


def install_uv() -> None:
    """uv installs the lock in a fifth of pip's time. pip fetches uv, and checks its hash."""
    pins = re.split(r"\n(?=\w)", LOCK.read_text())
    pin = VENV / "uv.txt"
    pin.write_text(next(each for each in pins if each.startswith("uv==")))
    run([str(PYTHON), "-m", "pip", "install", "--requirement", str(pin)], NOT_INSTALLED)


def install_lock(pip: dict[str, str]) -> None:
    """Every package of the lock, by its hash, from where pip is told to look."""
    certificate = {"SSL_CERT_FILE": pip["cert"]} if "cert" in pip else {}
    command = [*uv_install(), *index_options(pip), "--require-hashes", "-r", str(LOCK)]
    run(command, NOT_INSTALLED, certificate)


def install_flowdeploy() -> None:
    """The project as it lies here; what builds it is in the lock."""
    command = [*uv_install(), "--no-build-isolation", "--editable", str(ROOT)]
    run(command, f"flowdeploy could not be installed from {ROOT}.")


def uv_install() -> list[str]:
    return [str(PROGRAMS / "uv"), "pip", "install", "--python", str(PYTHON), "--no-deps"]


def pip_settings() -> dict[str, str]:
    """What pip is told by its files and by PIP_… variables, which come last and win."""
    listed = run([str(PYTHON), "-m", "pip", "config", "list"], "pip's settings are unreadable.")
    settings = {}
    for section in ("global", "install", ":env:"):
        for option, value in re.findall(rf"^{section}\.(\S+?)=(.+)$", listed, re.MULTILINE):
            settings[option] = ast.literal_eval(value)
    return settings


def index_options(pip: dict[str, str]) -> list[str]:
    """The same places for uv, which reads none of pip's settings.

    uv stops at the first index that has a package, pip takes the version from any; with
    hashes that is as safe.
    """
    options = ["--index-strategy", "unsafe-best-match"]
    for option in ("index-url", "extra-index-url", "find-links", "trusted-host"):
        for place in pip.get(option, "").split():
            options += [f"--{option}", place]
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    return options


def run(command: list[str], failure: str, variables: dict[str, str] | None = None) -> str:
    """The command's output. Where it fails, the script ends with ``failure`` and that output."""
    done = subprocess.run(
        command,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{failure}\n\n$ {' '.join(command)}\n{done.stdout.rstrip()}")
    return done.stdout
