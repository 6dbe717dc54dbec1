import pickle

import pytest

from offline.models.registry import MODELS
from offline.systems.registry import FAMILIES, PUBLISHED, SYSTEMS, find_system
from realtime_mer.errors import ConfigError


def test_every_family_is_here_under_names_of_its_own():
    families = [family.SYSTEMS for family in FAMILIES]
    assert sum(map(len, families)) == len(SYSTEMS)
    assert all(family.items() <= SYSTEMS.items() for family in families)
    assert set(PUBLISHED) <= set(SYSTEMS)


def test_systems_are_listed_by_their_own_names():
    assert all(name == system.name for name, system in SYSTEMS.items())
    assert not any(system.smoke for system in SYSTEMS.values())


def test_systems_can_be_sent_and_hashed():
    for system in SYSTEMS.values():
        assert pickle.loads(pickle.dumps(system)) == system
        assert hash(system.changed(smoke=True)) != hash(system)
        assert find_system(system.name) is system


def test_every_system_is_a_model_of_the_bench_and_reads_what_that_says():
    listed = {entry.system: entry for entry in MODELS.values() if entry.system}
    assert set(listed) == set(SYSTEMS)
    for name, entry in listed.items():
        assert entry.name == name
        assert entry.recipe == SYSTEMS[name].recipe


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"'crop_net'.*nearest: cropnet"):
        find_system("crop_net")
