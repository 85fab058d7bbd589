"""Which variables a build may see."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.steps.build import build_environment, mask_for, names_taken_out

CREDENTIALS = (
    "CLOJARS_USERNAME CLOJARS_PASSWORD GITHUB_TOKEN GH_TOKEN NPM_TOKEN TOKEN npm_token PGPASSWORD "
    "MY_SECRET AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID API_KEY DEPLOY_KEYS KEY my_api_key "
    "GOOGLE_APPLICATION_CREDENTIALS GOOGLE_GHA_CREDS_PATH CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE "
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL SSH_AUTH_SOCK APIKEY MYKEY MONKEY "
    "GH_PAT NPM_CONFIG__AUTH npm_config_//registry.npmjs.org/:_authToken DOCKER_AUTH_CONFIG "
    "SSH_PRIVATE_KEY_FILE GCP_SA_KEY_JSON AZURE_CLIENT_SECRET_VALUE TOKEN_FOO DB_PASS GCP_CREDS "
    "CLOUDSDK_CONFIG GITHUB_STEP_SUMMARY MYSQL_PWD DB_PWD PWD_FILE MY_JWT JWTS BEARER XBEARER_V "
    "SLACK_WEBHOOK SLACK_WEBHOOK_URL DATABASE_URL MY_DATABASE_URL_RO KUBECONFIG MY_KUBECONFIG_B64 "
    "NETRC GCP_SERVICE_ACCOUNT SERVICE_ACCOUNT_JSON serviceaccount_PRIVATE MINIO_SK PRIVATE_PEM "
    "AZURE_STORAGE_CONNECTION_STRING mysql_pwd"
)
OF_LATER_STEPS = "GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT GITHUB_STATE BASH_ENV"
HARMLESS = (
    "PATH PWD HOME LANG KEYBOARD TOKENIZERS_PARALLELISM GIT_AUTHOR_NAME PATTERN BYPASS XAUTHORITY "
    "GITHUB_SHA GITHUB_WORKSPACE CLOUDSDK_CORE_PROJECT JAVA_HOME MAVEN_OPTS OLDPWD GRADLE_OPTS "
    "JAVA_TOOL_OPTIONS GOPRIVATE NODE_OPTIONS SSH_CONNECTION DISK TASK SK_X NETRC_X TMPDIR SHELL "
    "M2_HOME ANDROID_HOME VIRTUAL_ENV LC_ALL TERM USER CI HTTPS_PROXY GITHUB_REPOSITORY"
)


@pytest.mark.parametrize("name", CREDENTIALS.split())
def test_a_credential_is_taken_out_unless_it_is_named(name: str) -> None:
    environ = {name: "secret", "PATH": "/bin"}

    assert build_environment(environ, (), {}, pull_request=False) == {"PATH": "/bin"}
    assert build_environment(environ, (name,), {}, pull_request=False) == environ
    assert build_environment(environ, (name,), {}, pull_request=True) == {"PATH": "/bin"}


@pytest.mark.parametrize("name", OF_LATER_STEPS.split())
def test_what_the_ci_runs_next_is_no_business_of_the_build(name: str) -> None:
    assert build_environment({name: "/file"}, (name,), {}, pull_request=False) == {}


@pytest.mark.parametrize("name", HARMLESS.split())
def test_other_variables_stay(name: str) -> None:
    assert build_environment({name: "x"}, (), {}, pull_request=True) == {name: "x"}


def test_the_runs_own_variables_win() -> None:
    environ = {"FLOWDEPLOY_VERSION": "of an outer run"}

    assert build_environment(environ, (), {"FLOWDEPLOY_VERSION": "1"}, pull_request=False) == {
        "FLOWDEPLOY_VERSION": "1"
    }


@given(st.text(), st.sampled_from(["_TOKEN", "_PASSWORD", "_SECRET", "_KEY", "_CREDENTIALS"]))
def test_no_name_with_such_an_ending_passes(start: str, ending: str) -> None:
    for name in (start + ending, start + ending.lower()):
        assert build_environment({name: "secret"}, (name,), {}, pull_request=True) == {}


@given(st.dictionaries(st.text(), st.just("x")), st.lists(st.text()), st.booleans())
def test_the_names_taken_out_are_those_that_the_build_lacks(
    environ: dict[str, str], allowed: list[str], pull_request: bool
) -> None:
    names = names_taken_out(environ, allowed, pull_request)
    kept = build_environment(environ, allowed, {}, pull_request)
    assert kept.keys() | names == environ.keys()
    assert not kept.keys() & names


def test_values_of_credentials_are_masked_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.touch()
    mask = mask_for(
        {
            "NPM_TOKEN": "abcdefghi",
            "LONG_TOKEN": "abcdefghijk",
            "DB_PASS": "password",
            "SIGNING_KEY": "-----BEGIN\n  Zm9vYmFyYmF6 \nEND",
            "GOOGLE_APPLICATION_CREDENTIALS": str(path),
            "REGEX_SECRET": "a.c(d)[e]*",
            "JAVA_HOME": "/usr/lib/jvm/17",
        }
    )
    assert mask("x abcdefghijkl abcdefghi") == "x ***l ***"
    assert mask("Zm9vYmFyYmF6") == "***"
    assert mask("a.c(d)[e]* abc(d)[e]*") == "*** abc(d)[e]*"
    for line in ("password", f"{path}", "/usr/lib/jvm/17", "END", ""):
        assert mask(line) == line
    assert mask_for({})("anything") == "anything"
