"""A local Ray cluster for the tests of a file, and rows for it."""

import builtins
import warnings

import numpy as np
import pytest
from joblib.pool import PicklingPool

N_ROWS = 60


@pytest.fixture(autouse=True)
def restored():
    """Put back what Ray replaces in this process, for the tests of other rooms.

    That is the builtin `print`, for its progress bars, and the base of joblib's pool of
    processes, for its backend of joblib.
    """
    replaced = builtins.print, PicklingPool.__bases__
    yield
    builtins.print, PicklingPool.__bases__ = replaced


@pytest.fixture(scope="module")
def cluster(light_engine):
    """Start Ray on this machine, with more logical cores than it may have.

    While it runs its servers take a fifth of a core, whatever tests come after.
    """
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        import ray.data

        ray.init(
            num_cpus=3,
            object_store_memory=150 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            _system_config={"worker_niceness": 0},  # 15 would wait for other work
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture
def to_dataset(cluster):
    """Make a dataset of several blocks from a DataFrame."""

    def convert(frame, blocks=6):
        places = np.array_split(np.arange(len(frame)), blocks)
        return cluster.data.from_pandas([frame.iloc[rows] for rows in places])

    return convert


@pytest.fixture(scope="session")
def clipart():
    """Real drawings and titles, under ids that are not their order."""
    from sklearn_clip.datasets import load_clipart

    data = load_clipart(as_frame=True)
    frame = data.data.iloc[:N_ROWS].reset_index(drop=True)
    ids = np.random.default_rng(0).permutation(N_ROWS)
    return frame.assign(sku=[f"sku-{i:03}" for i in ids]), data.target.iloc[:N_ROWS]


@pytest.fixture
def make_tiny():
    """Make a featurizer of the model that ships with the package."""
    from sklearn_clip import CLIPFeaturizer

    def make(**parameters):
        defaults = {"cache": None, "precision": "fp32"}
        return CLIPFeaturizer("clipart-tiny", **defaults | parameters)

    return make
