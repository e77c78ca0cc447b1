"""Every code that the codecs raise has a row, and its texts take the parameters that are raised with it."""

import re
import string
from pathlib import Path

import machinami.standards
from machinami.standards.ngsi_ld.errors import ROWS

SOURCES = [path.read_text("utf-8") for path in Path(machinami.standards.__path__[0]).rglob("*.py") if path.name != "errors.py"]
RAISED = re.compile(r"Refusal\(\s*\"((?:ngsi_ld|json)\.[a-z_.]+)\"((?:[^()]|\([^()]*\))*)\)")


def _fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_rows_have_each_code_with_its_parameters_in_both_languages():
    raised = {code: set(re.findall(r"(\w+)=", rest)) for source in SOURCES for code, rest in RAISED.findall(source)}
    assert raised.keys() == {code for code in ROWS if code.startswith(("ngsi_ld.", "json."))}
    for code, parameters in raised.items():
        row = ROWS[code]
        assert _fields(row.en) == _fields(row.ja), code
        assert _fields(row.en) | _fields(row.remedy_en) | _fields(row.remedy_ja) <= parameters, code
