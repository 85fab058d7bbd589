"""Test the example: its logic, its sources, and the outputs of build.py."""
# The example uses only the standard library, such as unittest and its XML parser.
# ruff: noqa: PT009, PT027, S314

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import build

APP = "{http://appengine.google.com/ns/1.0}"
KIND = {"id": "kind", "type": "option", "options": ["spring", "tap"]}


class Rendering(unittest.TestCase):
    def test_puts_words_in_their_places_and_escapes_them(self) -> None:
        page = build.render("<h1>{{ title }}</h1>", {"title": "Wells & <pumps>"})
        self.assertEqual(page, "<h1>Wells &amp; &lt;pumps&gt;</h1>")

    def test_refuses_a_name_without_a_message(self) -> None:
        with self.assertRaisesRegex(build.BuildError, "there is no message 'titel'"):
            build.render("{{ titel }}", {"title": "Wells"})


class Assembling(unittest.TestCase):
    def test_numbers_questions_and_conditions(self) -> None:
        flow = {"id": "flow", "when": {"question": "kind", "answer": "tap"}}
        form = build.assemble({"id": "f", "questions": [KIND, flow]})
        self.assertEqual([each["number"] for each in form["questions"]], [1, 2])
        self.assertEqual(form["questions"][1]["when"], {"question": 1, "answer": "tap"})

    def test_refuses_an_id_used_twice(self) -> None:
        with self.assertRaisesRegex(build.BuildError, "question kind: the id is used twice"):
            build.assemble({"id": "f", "questions": [KIND, KIND]})

    def test_refuses_a_condition_on_a_later_question(self) -> None:
        early = {"id": "flow", "when": {"question": "kind", "answer": "tap"}}
        with self.assertRaisesRegex(build.BuildError, "no question 'kind' comes before it"):
            build.assemble({"id": "f", "questions": [early, KIND]})

    def test_refuses_a_condition_on_an_answer_that_is_not_offered(self) -> None:
        flow = {"id": "flow", "when": {"question": "kind", "answer": "well"}}
        with self.assertRaisesRegex(build.BuildError, "does not offer 'well'"):
            build.assemble({"id": "f", "questions": [KIND, flow]})


class Languages(unittest.TestCase):
    def test_every_language_has_every_message_with_the_same_places(self) -> None:
        sources = sorted((build.SOURCE / "languages").glob("*.json"))
        english = places_of(build.SOURCE / "languages" / "en.json")
        for source in sources:
            with self.subTest(language=source.stem):
                self.assertEqual(places_of(source), english)

    def test_no_message_is_empty(self) -> None:
        for source in (build.SOURCE / "languages").glob("*.json"):
            for name, text in build.read_json(source).items():
                with self.subTest(language=source.stem, message=name):
                    self.assertTrue(text.strip())


class StagedFolder(unittest.TestCase):
    def setUp(self) -> None:
        self.app = (build.STAGING / "app.yaml").read_text(encoding="utf-8")

    def test_every_static_handler_serves_files(self) -> None:
        static = build.STAGING / build.STATIC
        urls = [f"/{path.relative_to(static).as_posix()}" for path in files_in(static)]
        handlers = re.findall(r"- url: (.+)\n  static_files: __static__\\1\n", self.app)
        self.assertGreater(len(handlers), 0)
        for handler in handlers:
            with self.subTest(handler=handler):
                self.assertTrue(any(re.fullmatch(handler, url) for url in urls))
        for url in urls:
            with self.subTest(file=url):
                self.assertTrue(any(re.fullmatch(handler, url) for handler in handlers))

    def test_every_file_that_a_page_names_is_there(self) -> None:
        static = build.STAGING / build.STATIC
        for page in (static / "pages").rglob("*.html"):
            named = re.findall(r'(?:src|href)="([^"]+\.\w+)"', page.read_text(encoding="utf-8"))
            self.assertGreater(len(named), 0)
            for name in named:
                with self.subTest(page=page.name, file=name):
                    there = static / name[1:] if name.startswith("/") else page.parent / name
                    self.assertTrue(there.is_file())

    def test_app_yaml_says_what_the_descriptor_says(self) -> None:
        descriptor = ET.parse(build.STAGING / "WEB-INF/appengine-web.xml").getroot()
        for setting in ("runtime", "instance-class"):
            with self.subTest(setting=setting):
                value = descriptor.findtext(APP + setting)
                self.assertIn(f"{setting.replace('-', '_')}: {value}\n", self.app)
        for limit in descriptor.iterfind(f"{APP}automatic-scaling/*"):
            name = limit.tag.removeprefix(APP).replace("-", "_")
            with self.subTest(setting=name):
                self.assertIn(f"\n  {name}: {limit.text}\n", self.app)

    def test_only_administrators_reach_cron_jobs(self) -> None:
        cron = (build.STAGING / build.GENERATED / "cron.yaml").read_text(encoding="utf-8")
        urls = re.findall(r"\n  url: (\S+)", cron)
        self.assertGreater(len(urls), 0)
        guarded = re.search(r"- url: (\S+)\n  script: unused\n  login: admin\n", self.app)
        for url in urls:
            with self.subTest(url=url):
                self.assertTrue(guarded and re.fullmatch(guarded[1], url))

    def test_queues_have_names_of_their_own(self) -> None:
        queues = (build.STAGING / build.GENERATED / "queue.yaml").read_text(encoding="utf-8")
        names = re.findall(r"- name: (\S+)", queues)
        self.assertIn("default", names)
        self.assertEqual(len(names), len(set(names)))


class Jar(unittest.TestCase):
    def test_holds_the_classes_folder_and_nothing_else(self) -> None:
        classes = build.STAGING / build.CLASSES
        with zipfile.ZipFile(build.JAR) as jar:
            packed = {name: jar.read(name) for name in jar.namelist()}
        packed.pop("META-INF/MANIFEST.MF")
        staged = {
            path.relative_to(classes).as_posix(): path.read_bytes() for path in files_in(classes)
        }
        self.assertEqual(packed, staged)

    def test_its_manifest_carries_the_version(self) -> None:
        version = os.environ.get("FLOWDEPLOY_VERSION", "development")
        with zipfile.ZipFile(build.JAR) as jar:
            manifest = jar.read("META-INF/MANIFEST.MF").decode()
        self.assertIn(f"Implementation-Version: {version}\r\n", manifest)

    def test_building_again_makes_the_same_bytes(self) -> None:
        version = os.environ.get("FLOWDEPLOY_VERSION", "development")
        with tempfile.TemporaryDirectory() as folder:
            again = Path(folder) / "again.jar"
            build.build(version, Path(folder) / "staging", again)
            self.assertEqual(again.read_bytes(), build.JAR.read_bytes())


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def places_of(language: Path) -> dict[str, list[str]]:
    """The messages of a language file, each with the places that are filled in later."""
    messages = json.loads(language.read_text(encoding="utf-8"))
    return {name: sorted(re.findall(r"\{\w+\}", text)) for name, text in messages.items()}


if __name__ == "__main__":
    if not build.JAR.is_file():
        sys.exit("test.py: nothing is built yet: run python3 build.py first")
    unittest.main()
