"""Build the example: the folder to deploy to App Engine, and the jar to publish to Clojars.

    src/main/webapp/       →  target/appengine-staging/__static__/ and WEB-INF/
    src/main/templates/    →  …/__static__/pages/LANGUAGE/, one page for each language
    src/main/forms/        →  …/WEB-INF/classes/org/akvo/flow/forms/, numbered
    src/main/languages/    →  …/WEB-INF/classes/org/akvo/flow/messages/
    src/main/appengine/    →  …/app.yaml and WEB-INF/appengine-generated/
    WEB-INF/classes/       →  target/akvo-flow-classes.jar

The real application uses Maven and Google's staging tool here. This script needs only
Python, and creates the same bytes from the same sources and version.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "src" / "main"
TARGET = Path(__file__).parent / "target"
STAGING = TARGET / "appengine-staging"
JAR = TARGET / "akvo-flow-classes.jar"

STATIC = Path("__static__")
CLASSES = Path("WEB-INF/classes")
PACKAGE = CLASSES / "org/akvo/flow"
GENERATED = Path("WEB-INF/appengine-generated")

EARLIEST_IN_A_ZIP = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """A source file is invalid; the message names it."""


def build(version: str, staging: Path = STAGING, jar: Path = JAR) -> None:
    """Create both outputs from scratch. Raises BuildError for an invalid source file."""
    shutil.rmtree(staging, ignore_errors=True)
    stage_webapp(staging)
    stage_version(staging, version)
    stage_pages(staging)
    stage_forms(staging)
    stage_messages(staging)
    stage_configuration(staging)
    write_jar(jar, staging / CLASSES, version)


def stage_webapp(staging: Path) -> None:
    """Copy the static files and the two descriptors of WEB-INF."""
    webapp = SOURCE / "webapp"
    shutil.copytree(webapp, staging / STATIC, ignore=shutil.ignore_patterns("WEB-INF"))
    shutil.copytree(webapp / "WEB-INF", staging / "WEB-INF")


def stage_version(staging: Path, version: str) -> None:
    """Write the two files that differ between versions of the same sources."""
    write(staging / STATIC / "js/version.js", f'window.flowVersion = "{version}";\n')
    write(staging / PACKAGE / "version.properties", f"version={version}\n")


def stage_pages(staging: Path) -> None:
    """Render every template in every language."""
    for language in sorted((SOURCE / "languages").glob("*.json")):
        words = {"code": language.stem, **read_json(language)}
        for template in sorted((SOURCE / "templates").glob("*.html")):
            page = render(template.read_text(encoding="utf-8"), words, where=str(template))
            write(staging / STATIC / "pages" / language.stem / template.name, page)


def stage_forms(staging: Path) -> None:
    """Number the questions of every form."""
    for source in sorted((SOURCE / "forms").glob("*.json")):
        form = assemble(read_json(source))
        write(staging / PACKAGE / "forms" / source.name, json.dumps(form, indent=1) + "\n")


def stage_messages(staging: Path) -> None:
    """Copy the languages to the folder from which the server reads them."""
    shutil.copytree(SOURCE / "languages", staging / PACKAGE / "messages")


def stage_configuration(staging: Path) -> None:
    """Copy app.yaml to the root, the other files to the folder that the staging tool uses."""
    shutil.copytree(
        SOURCE / "appengine", staging / GENERATED, ignore=shutil.ignore_patterns("app.yaml")
    )
    shutil.copyfile(SOURCE / "appengine" / "app.yaml", staging / "app.yaml")


def render(template: str, words: Mapping[str, str], *, where: str = "the template") -> str:
    """Replace each ``{{ name }}`` by its word. Raises BuildError for an unknown name."""

    def word(match: re.Match[str]) -> str:
        name = match[1]
        if name not in words:
            raise BuildError(f"{where}: there is no message {name!r}")
        return html.escape(words[name])

    return re.sub(r"\{\{ (\w+) \}\}", word, template)


def assemble(form: Mapping[str, Any]) -> dict[str, Any]:
    """A form as devices read it: questions are numbered from 1, and conditions name numbers.

    Raises BuildError for a duplicate id, and for a condition on a question that does not come
    before it, or on an answer that the question does not offer.
    """
    numbers: dict[str, int] = {}
    offered: dict[str, list[str]] = {}
    questions = []
    for number, question in enumerate(form["questions"], start=1):
        where = f"form {form['id']}, question {question['id']}"
        if question["id"] in numbers:
            raise BuildError(f"{where}: the id is used twice")
        assembled = {"number": number, **question}
        if "when" in question:
            assembled["when"] = condition(question["when"], numbers, offered, where)
        questions.append(assembled)
        numbers[question["id"]] = number
        offered[question["id"]] = question.get("options", [])
    return {**form, "questions": questions}


def condition(
    when: Mapping[str, str],
    numbers: Mapping[str, int],
    offered: Mapping[str, list[str]],
    where: str,
) -> dict[str, int | str]:
    """A question's condition, by number. ``numbers`` and ``offered`` describe earlier questions."""
    asked, answer = when["question"], when["answer"]
    if asked not in numbers:
        raise BuildError(f"{where}: no question {asked!r} comes before it")
    if answer not in offered[asked]:
        raise BuildError(f"{where}: question {asked!r} does not offer {answer!r}")
    return {"question": numbers[asked], "answer": answer}


def write_jar(jar: Path, classes: Path, version: str) -> None:
    """Pack the folder ``classes`` with a manifest that contains ``version``.

    With fixed times and no compression, the bytes depend only on the sources.
    """
    manifest = (
        "Manifest-Version: 1.0\r\n"
        "Created-By: build.py\r\n"
        "Implementation-Title: Akvo Flow\r\n"
        f"Implementation-Version: {version}\r\n\r\n"
    )
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(entry("META-INF/MANIFEST.MF"), manifest)
        for path in sorted(path for path in classes.rglob("*") if path.is_file()):
            archive.writestr(entry(path.relative_to(classes).as_posix()), path.read_bytes())


def entry(name: str) -> zipfile.ZipInfo:
    """A file's entry in the jar, independent of the machine."""
    info = zipfile.ZipInfo(name, EARLIEST_IN_A_ZIP)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises BuildError with the file and the position."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BuildError(f"{path}: {error}") from error
    return content


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    version = os.environ.get("FLOWDEPLOY_VERSION", "development")
    try:
        build(version)
    except BuildError as error:
        sys.exit(f"build.py: {error}")
    files = sum(path.is_file() for path in STAGING.rglob("*"))
    sys.stdout.write(f"Staged {files} files of version {version}, and {JAR.name}\n")


if __name__ == "__main__":
    main()
