"""Independent jobs over a Ray cluster (requirements-scale.txt), in order; nothing here knows what they do."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from src.common.errors import SettingsError

AHEAD = 2  # jobs a processor of the cluster that are handed out before their results are asked for


def spread(work: Callable, jobs: Iterable, address: str) -> Iterator:
    """Does jobs on a cluster whose machines see the same folders under the same paths.

    Args:
        work: function of a module; takes one job.
        jobs: what it is called with; drawn as the cluster has room, so that memory does not grow.
        address: "auto" or the address of a Ray cluster.

    Returns:
        What `work` gives, a job each, in the order of the jobs.

    Raises:
        SettingsError: Ray is not installed, or no cluster answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            f"RAY='{address}' needs the package ray, which is not installed; "
            "pip install -r requirements-scale.txt, or set RAY=''."
        ) from error
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
    except ConnectionError as error:
        raise SettingsError(
            f"RAY='{address}' must name a running cluster, none answered; "
            "`ray start --head` starts one, or set RAY=''."
        ) from error
    remote, waiting = ray.remote(work), deque()
    room = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    for job in jobs:
        waiting.append(remote.remote(job))
        if len(waiting) >= room:
            yield ray.get(waiting.popleft())
    while waiting:
        yield ray.get(waiting.popleft())
