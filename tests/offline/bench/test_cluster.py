"""The same folds on a real cluster: two Ray nodes on this machine."""

import os

import numpy as np
import pytest

from offline.bench.cluster import ray_cluster
from offline.bench.executors import Work, here
from offline.bench.loso import run_loso
from offline.bench.loso_settings import LosoSettings
from realtime_mer.errors import ConfigError
from tests.offline.bench.test_executors import MATERIAL, Means, jobs, outcomes
from tests.offline.small_archive import write_archive

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Address of two nodes with one core each."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 100 << 20,
            "include_dashboard": False,
        },
    )
    cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


def test_two_nodes_give_what_this_process_gives(address):
    work = Work(Means(takes_s=0.1), MATERIAL, "fixed")
    alone, shared = outcomes(here, work, jobs()), outcomes(ray_cluster(address), work, jobs())
    assert alone.keys() == shared.keys()
    for key, outcome in alone.items():
        np.testing.assert_array_equal(outcome.test, shared[key].test)
    pids = {outcome.chosen["pid"] for outcome in shared.values()}
    assert os.getpid() not in pids
    assert len(pids) == 2


def test_a_whole_run_is_the_same_on_the_cluster(address, tmp_path):
    root = write_archive(tmp_path / "archive")
    plain = LosoSettings("flow-archive", root, "ststnet", seeds=(0,), epochs=2)
    alone = run_loso(plain, tmp_path / "alone")
    shared = run_loso(plain, tmp_path / "shared", ray_cluster(address))
    for one, other in zip(alone.rows, shared.rows, strict=True):
        assert one.sample_id == other.sample_id
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
    assert alone.metrics["digest"] == shared.metrics["digest"]


def test_an_error_on_a_node_comes_out_here(address):
    with pytest.raises(ValueError, match="no means"):
        outcomes(ray_cluster(address), Work(Means("set/3"), MATERIAL, "fixed"), jobs())


def test_a_node_with_other_code_is_refused(address, monkeypatch):
    monkeypatch.setattr("offline.bench.cluster.code_version", lambda: "0" * 16)
    with pytest.raises(ConfigError, match="install the same on every node"):
        outcomes(ray_cluster(address), Work(Means(), MATERIAL, "fixed"), jobs())


def test_no_cluster_is_one_line():
    with pytest.raises(ConfigError, match=r"no Ray cluster at '127.0.0.1:9'.*ray start"):
        outcomes(ray_cluster("127.0.0.1:9"), Work(Means(), MATERIAL, "fixed"), jobs())
