import re

import pytest

from machinami.kernel.errors import Refusal
from machinami.linkage.importing.catalogue import find_town, load_models, towns
from machinami.linkage.importing.headings import Dictionary
from machinami.linkage.importing.model import CORE_TERMS, ItemKind, Subject

MODELS = load_models()


def test_load_models_gives_unique_ids_and_types_when_loaded():
    assert len({model.id for model in MODELS}) == len({model.type for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_load_models_gives_usable_models_when_loaded(model):
    names = [item.name for item in model.items]
    assert len(set(names)) == len(names)
    assert not set(names) & CORE_TERMS
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", name) for name in names)
    assert set(model.tell_apart) <= set(names)
    assert set(model.key) <= set(names) or model.subject is Subject.STATISTICS
    assert all(item.values or item.kind is not ItemKind.CHOICE or item.name == "prefecture" for item in model.items)
    dictionary = Dictionary(model.items)
    assert all(
        dictionary.find(item.ja).name == item.name for item in model.items if item.name not in ("description", "abstract")
    )


def test_find_town_finds_by_code_and_name_when_known():
    town = find_town("372013")
    assert (town.name, town.prefecture) == ("高松市", "香川県")
    assert find_town("高松市") == find_town("香川県高松市") == find_town("37201") == town
    assert len(towns()) > 1900


def test_find_town_refuses_when_unknown_or_ambiguous():
    with pytest.raises(Refusal) as unknown:
        find_town("架空市")
    assert unknown.value.code == "import.town.unknown"
    with pytest.raises(Refusal) as ambiguous:
        find_town("府中市")
    assert ambiguous.value.code == "import.town.ambiguous"
    assert "132063" in ambiguous.value.parameters["found"]
