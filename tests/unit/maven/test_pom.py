"""Reading a pom, and writing it for another version."""

from __future__ import annotations

import pytest
from defusedxml import ElementTree as Xml
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.errors import Refused
from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.maven.pom import Dependency, coordinates, parse, with_version

POM = b"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <!-- <version>0</version> -->
  <parent><groupId>org.parent</groupId><artifactId>p</artifactId><version>7</version></parent>
  <packaging>war</packaging>
  <version>1</version>
  <groupId>org.akvo.flow</groupId>
  <artifactId>akvo-flow</artifactId>
  <licenses><license><name>AGPL-3.0</name></license></licenses>
  <dependencies>
    <dependency>
      <groupId>jstl</groupId><artifactId>jstl</artifactId><version> 1.2 </version>
    </dependency>
    <dependency><groupId>a</groupId><artifactId>managed</artifactId></dependency>
  </dependencies>
  <build><plugins><plugin><artifactId>x</artifactId><version>3</version></plugin></plugins></build>
</project>
"""


def test_a_pom_says_what_a_repository_looks_at() -> None:
    pom = parse(POM, "pom.xml")
    assert (pom.group, pom.artifact, pom.licensed) == ("org.akvo.flow", "akvo-flow", True)
    assert pom.dependencies == (Dependency("jstl:jstl", "1.2"), Dependency("a:managed", ""))


def test_the_group_may_be_the_parents() -> None:
    pom = POM.replace(b"<groupId>org.akvo.flow</groupId>", b"")
    assert coordinates(pom, "pom.xml") == Coordinates("org.parent", "akvo-flow")


def test_a_pom_without_namespace_is_read_alike() -> None:
    assert coordinates(POM.replace(b' xmlns="http://maven.apache.org/POM/4.0.0"', b""), "p") == (
        Coordinates("org.akvo.flow", "akvo-flow")
    )


def test_only_the_projects_own_version_changes() -> None:
    assert with_version(POM, "20200403-073034") == POM.replace(
        b"<version>1</version>", b"<version>20200403-073034</version>"
    )


def test_an_inherited_version_gets_an_element_of_its_own() -> None:
    inherited = POM.replace(b"  <version>1</version>\n", b"")
    assert with_version(inherited, "2") == inherited.replace(
        b"  <artifactId>akvo-flow", b"  <version>2</version>\n  <artifactId>akvo-flow"
    )


def test_line_ends_comments_and_cdata_stay() -> None:
    pom = POM.replace(b"\n", b"\r\n").replace(
        b"<version>1<", b"<version\t><!-- v --><![CDATA[1]]> <"
    )
    assert with_version(pom, "2") == pom.replace(b"<!-- v --><![CDATA[1]]> ", b"2")


_ENCODINGS = ["utf-8-sig", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252"]


def _encoded(text: str, encoding: str) -> bytes:
    name = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    mark = "\ufeff" if name == "utf-16" else ""
    return (mark + text.replace("UTF-8", name)).encode(encoding)


@pytest.mark.parametrize("encoding", _ENCODINGS)
def test_an_element_is_added_in_the_poms_encoding(encoding: str) -> None:
    inherited = POM.decode().replace("  <version>1</version>\n", "").replace("war", "wà")
    for blanks in ("\n  ", ""):
        pom = inherited.replace("</groupId>\n  <artifactId>a", f"</groupId>{blanks}<artifactId>a")
        expected = pom.replace(
            f"{blanks}<artifactId>akvo", f"{blanks}<version>2</version>{blanks}<artifactId>akvo"
        )
        assert with_version(_encoded(pom, encoding), "2") == _encoded(expected, encoding)


@pytest.mark.parametrize("encoding", _ENCODINGS)
def test_a_pom_keeps_its_encoding(encoding: str) -> None:
    text = POM.decode().replace("war", "wär")
    expected = text.replace("<version>1<", "<version>2.0<")
    assert with_version(_encoded(text, encoding), "2.0") == _encoded(expected, encoding)
    assert coordinates(_encoded(text, encoding), "pom.xml").artifact == "akvo-flow"


_PIECES = st.lists(
    st.sampled_from(
        [
            "<!-- <version>9</version> -->",
            "<parent><version>8</version></parent>",
            "<properties><version>7</version></properties>",
            "<?pi version?>",
            "<name>é &amp; &#8364;</name>",
            "\n  ",
            "<description><![CDATA[<version>6</version>]]></description>",
        ]
    ),
    max_size=6,
).map("".join)


@given(_PIECES, _PIECES, st.sampled_from(["1", " ${revision} ", "<![CDATA[x]]>"]))
def test_whatever_stands_around_it_stays(before: str, after: str, old: str) -> None:
    head, tail = (
        f"<project>{before}<artifactId>a</artifactId><version>",
        f"</version>{after}</project>",
    )
    assert with_version(f"{head}{old}{tail}".encode(), "2") == f"{head}2{tail}".encode()


@given(_PIECES, _PIECES)
def test_a_version_is_only_added(before: str, after: str) -> None:
    pom = f"<project>{before}<artifactId>a</artifactId>{after}</project>".encode()
    sent = with_version(pom, "2")
    assert Xml.fromstring(sent).findtext("version") == "2"
    assert len(sent.replace(b"<version>2</version>", b"", 1).split()) == len(pom.split())


@pytest.mark.parametrize(
    ("pom", "reason"),
    [
        (b"", "no element found"),
        (b"<project>", "no element found"),
        (b"<metadata/>", "its root is <metadata>"),
        (b"<!DOCTYPE project><project/>", "it has a DTD"),
        (b"<!DOCTYPE p [<!ENTITY a 'b'>]><project>&a;</project>", "it has a DTD"),
        (b"<?xml version='1.0' encoding='x-none'?><project/>", "unknown encoding"),
        (b"<project><artifactId/></project>", "an empty <artifactId>"),
        (b"<project><version>1</version><version>2</version></project>", "more than one <version>"),
    ],
)
def test_what_is_no_pom_is_refused(pom: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        coordinates(pom, "GAE/pom.xml")
    assert "GAE/pom.xml" in refused.value.message
    assert refused.value.hint


def test_both_names_are_asked_for_at_once() -> None:
    with pytest.raises(Refused) as refused:
        coordinates(b"<project><groupId>${g}</groupId></project>", "pom.xml")
    assert [line.split()[0] for line in refused.value.details] == ["<groupId>", "the"]
