"""The environment of the scripts: .venv, created from requirements/dev.txt.

Python 3.6 and later can parse this file and the scripts that import it. A Python that is too
old runs only the version check below, which explains the problem.
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
        f"If a newer one is installed, use it: python3.13 {' '.join(sys.argv)}"
    )

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "dev.txt"
VENV = ROOT / ".venv"
PROGRAMS = VENV / "bin"
PYTHON = PROGRAMS / "python"
MADE_FROM = VENV / "made-from"

NOT_INSTALLED = (
    "The packages of requirements/dev.txt could not be installed. If the default package index\n"
    "is not reachable, set PIP_INDEX_URL to another one, and PIP_CERT to its certificate."
)


def ensure_environment() -> dict[str, str]:
    """Create .venv unless it is up to date; return the environment variables for its programs.

    A file lock admits one script at a time; a second one waits.
    """
    with LOCK.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        wanted = fingerprint()
        if not MADE_FROM.is_file() or MADE_FROM.read_text() != wanted:
            print("Creating .venv from requirements/dev.txt …", flush=True)
            create_environment()
            MADE_FROM.write_text(wanted)
    return {**os.environ, "PATH": os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])}


def fingerprint() -> str:
    """Hash of what .venv depends on: lock file, pyproject.toml, the project's path, and Python.

    Python counts by its feature version and base prefix. So a virtual environment of the same
    Python, or a patch update in place, does not change the hash.
    """
    python = f"{sys.version_info[:2]} {Path(sys.base_prefix).resolve()}"
    digest = hashlib.sha256(f"{ROOT}\n{python}\n".encode())
    digest.update(LOCK.read_bytes())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def create_environment() -> None:
    create_venv()
    install_uv()
    install_lock(pip_settings())
    install_flowdeploy()


def create_venv() -> None:
    """Create an empty environment with pip. Debian packages venv separately from Python."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            sys.exit(
                f"{sys.executable} lacks the module {module}, which creates virtual environments.\n"
                "On Debian and Ubuntu: apt-get install python3-venv"
            )
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], f"{VENV} could not be created.")


def install_uv() -> None:
    """Install uv, which needs a fifth of pip's time. pip downloads it and checks its hash."""
    pins = re.split(r"\n(?=\w)", LOCK.read_text())
    pin = VENV / "uv.txt"
    pin.write_text(next(each for each in pins if each.startswith("uv==")))
    run([str(PYTHON), "-m", "pip", "install", "--requirement", str(pin)], NOT_INSTALLED)


def install_lock(pip: dict[str, str]) -> None:
    """Install every package of the lock file by its hash, from the indexes that pip uses."""
    certificate = {"SSL_CERT_FILE": pip["cert"]} if "cert" in pip else {}
    command = [*uv_install(), *index_options(pip), "--require-hashes", "-r", str(LOCK)]
    run(command, NOT_INSTALLED, certificate)


def install_flowdeploy() -> None:
    """Install the project in editable mode; its build requirements are in the lock file."""
    command = [*uv_install(), "--no-build-isolation", "--editable", str(ROOT)]
    run(command, f"flowdeploy could not be installed from {ROOT}.")


def uv_install() -> list[str]:
    return [str(PROGRAMS / "uv"), "pip", "install", "--python", str(PYTHON), "--no-deps"]


def pip_settings() -> dict[str, str]:
    """pip's settings from its files and from PIP_… variables, which take precedence."""
    listed = run([str(PYTHON), "-m", "pip", "config", "list"], "pip's settings are unreadable.")
    settings = {}
    for section in ("global", "install", ":env:"):
        for option, value in re.findall(rf"^{section}\.(\S+?)=(.+)$", listed, re.MULTILINE):
            settings[option] = ast.literal_eval(value)
    return settings


def index_options(pip: dict[str, str]) -> list[str]:
    """pip's indexes as options for uv, which does not read pip's settings.

    By default uv uses only the first index that has a package; pip considers all of them.
    With hashes, considering all is as safe.
    """
    options = ["--index-strategy", "unsafe-best-match"]
    for option in ("index-url", "extra-index-url", "find-links", "trusted-host"):
        for place in pip.get(option, "").split():
            options += [f"--{option}", place]
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    return options


def run(command: list[str], failure: str, variables: dict[str, str] | None = None) -> str:
    """Run the command and return its output. If it fails, exit with ``failure`` and the output."""
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
