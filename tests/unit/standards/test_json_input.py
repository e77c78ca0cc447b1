"""Strict JSON: what is refused, and that everything else equals the standard library's reading."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.standards.json_input import loads

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_loads_equals_the_standard_library_when_the_text_is_good(value, ascii_only, indent):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert loads(body, 64) == value


@given(TEXT, VALUES, VALUES, st.booleans(), st.sampled_from([":", " : ", "\n:", ":\t"]))
def test_loads_refuses_when_a_key_is_given_twice(key, first, second, ascii_only, colon):
    name, one, two = (json.dumps(each, ensure_ascii=ascii_only) for each in (key, first, second))
    body = f'{{"x":[{{{name}{colon}{one},{name}{colon}{two}}}], "y : z\\":": "a:b"}}'.encode()
    with pytest.raises(Refusal) as refusal:
        loads(body, 64)
    assert refusal.value.code == "json.input.duplicate_key"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"NaN", "not_json"),
        (b"[Infinity]", "not_json"),
        (b"1e400", "not_json"),
        (b'"\\ud800"', "not_json"),
        (b'"\xed\xa0\x80"', "not_json"),
        (b"\xff", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":1,"\\u0061":1}', "duplicate_key"),
        (b'{"a":"\\u003a","b":{"c":1,"c":":"}}', "duplicate_key"),
        (b'"\\u0000"', "forbidden_character"),
        (b'{"a":["\\u0000"]}', "forbidden_character"),
        (b'{"\\u0000":1}', "forbidden_character"),
        (b"18446744073709551616", "number_too_long"),
        (b"[-9223372036854775809]", "number_too_long"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_loads_refuses_when_the_text_is_not_strict(body, problem):
    with pytest.raises(Refusal) as refusal:
        loads(body, 64)
    assert refusal.value.code == f"json.input.{problem}"


@pytest.mark.parametrize("body", [b"[" * 64 + b"]" * 64, b"[" + b"[]," * 200 + b"[]]", b'"\\\\u0000"', b"9223372036854775807"])
def test_loads_accepts_when_a_limit_is_just_reached(body):
    assert loads(body, 64) == json.loads(body)
