"""Equal findings of many instances are one."""

from __future__ import annotations

from flowdeploy.checks.findings import Finding, group_findings, line_for_people, without_names

MANY = [f"akvoflow-{n}" for n in range(1, 110)]


def test_findings_that_differ_by_the_instance_s_own_names_are_one() -> None:
    (line,) = group_findings(
        Finding(name, f"/d/{name}/web.xml:12: no, see apps/p-{name}: x", f"p-{name}")
        for name in MANY
    )
    text = "/d/<id>/web.xml:12: no, see apps/<id>: x"
    assert line == f"{', '.join(MANY)}: {text}"
    assert line_for_people(line, verbose=False) == f"109 instances: {text}"
    assert line_for_people(line, verbose=True) == line


def test_few_are_named_and_one_is_shown_as_it_is() -> None:
    names = ["akvoflow-1", "akvoflow-2"]
    found = [Finding(name, f"{name}/web.xml:1: no") for name in names]
    lines = group_findings([*found, Finding("akvoflow-3", "akvoflow-3/web.xml:2: no")])
    shown = [f"{name}: {name}/web.xml:1: no" for name in names]
    shown.append("akvoflow-3: akvoflow-3/web.xml:2: no")
    assert [line_for_people(line, verbose=False) for line in lines] == shown


def test_a_name_is_replaced_as_a_whole_only() -> None:
    text = "akvoflow-1 akvoflow-10 x-akvoflow-1 v-dot-akvoflow-1.appspot.com staging.akvoflow-1.x"
    assert without_names(text, ["akvoflow-1"]) == (
        "<id> akvoflow-10 x-akvoflow-1 v-dot-<id>.appspot.com staging.<id>.x"
    )


def test_messages_about_others_are_not_equal() -> None:
    found = [Finding(name, "akvoflow-9 is in the way") for name in ("akvoflow-9", "akvoflow-8")]
    assert len(group_findings(found)) == 2
