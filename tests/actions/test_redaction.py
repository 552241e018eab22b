import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.actions import redact, redactor
from tests.hostile import texts

SECRET = 'p4ss/w+rd=é &"x'


@pytest.mark.parametrize(
    "name",
    ["GITHUB_TOKEN", "MY_SECRET", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "apikey", "KEY_FILE", "GH_PAT", "SECRETS"],
)
def test_values_of_variables_named_like_secrets_are_taken_out(name: str) -> None:
    assert redact(f"a {SECRET} b", {name: SECRET}) == "a *** b"


@pytest.mark.parametrize("name", ["MAX_TOKENS", "TOKENIZERS_PARALLELISM", "KEYBOARD", "PATH", "AUTHOR", "HOME"])
def test_other_variables_are_left_alone(name: str) -> None:
    assert redact("a 100000 b", {name: "100000"}) == "a 100000 b"


@pytest.mark.parametrize("value", ["", " ", "true", "12345", "\n"])
def test_short_values_are_left_alone(value: str) -> None:
    assert redact(f"true 12345 {value} x", {"A_TOKEN": value}) == f"true 12345 {value} x"


@pytest.mark.parametrize(
    "form",
    [
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
    ],
)
def test_quoted_forms_are_taken_out(form: str) -> None:
    assert redact(f"<{form}>", {"A_TOKEN": SECRET}).strip('"<>') == "***"


@settings(max_examples=40)
@given(st.binary(max_size=8), st.binary(max_size=8), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_base64_is_taken_out_at_any_place(before: bytes, after: bytes, encode) -> None:  # type: ignore[no-untyped-def]
    shown = redact(encode(before + SECRET.encode() + after).decode(), {"A_TOKEN": SECRET})
    assert "***" in shown
    hidden = encode(SECRET.encode()).decode()
    assert not any(hidden[i : i + 6] in shown for i in range(2, len(hidden) - 8))


def test_each_line_of_a_secret_is_taken_out() -> None:
    assert redact("x first-line y second-line", {"A_KEY": "first-line\nsecond-line\n"}) == "x *** y ***"


def test_the_longest_secret_wins() -> None:
    assert redact("abcdefgh", {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefgh"}) == "***"


TOKENS = [
    *(f"gh{letter}_" + "a1B2" * 9 for letter in "psoru"),
    "github_pat_" + "a1_B2" * 12,
    "AKIA" + "ABCD1234" * 2,
    "ASIA" + "ABCD1234" * 2,
    "AIza" + "aB1_-" * 7,
    "hf_" + "aB" * 17,
    "hf_" + "aB1" * 8,
    *(f"xox{letter}-1234567890-abc" for letter in "bpasrec"),
    "sk-" + "aB1" * 16,
    "sk-proj-" + "aB1_" * 12,
    "glpat-" + "aB1_-" * 4,
    "npm_" + "aB1" * 12,
    "pypi-" + "AgEIcHlwaS5vcmc" * 5,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijk",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIabc+/=\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:8])
def test_well_known_tokens_are_taken_out_whatever_they_stand_in(token: str) -> None:
    for env in ({}, {"HARMLESS": token}, {"A_TOKEN": SECRET}):
        assert redact(f"a {token} b", env) == "a *** b"
        assert redact(f"KEY={token}\n", env) == "KEY=***\n"


@pytest.mark.parametrize(
    "text", ["hf_hub_download_of_a_model_file", "task-1234567890-1234567890-abc", "risk-" + "a" * 30]
)
def test_words_that_only_look_alike_are_left_alone(text: str) -> None:
    assert redact(text, {}) == text


def test_the_values_are_read_once() -> None:
    env = {"A_TOKEN": SECRET}
    clean = redactor(env)
    env.clear()
    assert clean(f"a {SECRET} b") == "a *** b"


def test_a_password_in_an_address_is_taken_out() -> None:
    assert redact("s3://user:pass@host/x", {}) == "s3://***@host/x"


@settings(max_examples=40)
@given(texts)
def test_text_without_secrets_is_left_as_it_is(text: str) -> None:
    assert redact(text, {"A_TOKEN": "never-in-the-corpus"}) == text


def test_a_great_text_is_quick() -> None:
    text = "-----BEGIN PRIVATE KEY-----\n" * 20_000 + "://a:" * 50_000 + "eyJ" * 100_000
    assert redact(text, {"A_TOKEN": SECRET})
