"""Runs independent jobs on a Ray cluster (requirements-scale.txt) and returns their results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from src.common.errors import SettingsError

# Jobs that are sent to the cluster for each of its cores before the first result is awaited.
JOBS_PER_CORE = 2


def spread(work: Callable, jobs: Iterable, address: str) -> Iterator:
    """Runs jobs on a cluster whose machines have the same folders under the same paths.

    Args:
        work: function of a module; takes one job.
        jobs: arguments of `work`; drawn one by one as the cluster has room, so that memory does not grow.
        address: "auto" or the address of a Ray cluster.

    Yields:
        The result of `work` for each job, in the order of the jobs.

    Raises:
        SettingsError: Ray is not installed, or no cluster answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            f"RAY='{address}' (--ray) needs the package ray, which is not installed; "
            "pip install -r requirements-scale.txt, or leave it empty."
        ) from error
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
    except ConnectionError as error:
        raise SettingsError(
            f"RAY='{address}' (--ray) must name a running cluster, none answered; "
            "`ray start --head` starts one, or leave it empty."
        ) from error
    remote = ray.remote(work)
    waiting = deque()
    cores = int(ray.cluster_resources().get("CPU", 1))
    room = JOBS_PER_CORE * max(1, cores)
    for job in jobs:
        waiting.append(remote.remote(job))
        if len(waiting) >= room:
            yield ray.get(waiting.popleft())
    while waiting:
        yield ray.get(waiting.popleft())
