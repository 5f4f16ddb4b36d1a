import sys

import pytest

from src.common import cluster


def test_missing_ray_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"requirements-scale\.txt"):
        list(cluster.spread(str, [1], "auto"))


class FakeRay:
    """Does jobs late and remembers how many were waiting at most."""

    def __init__(self, answers=True):
        self.answers, self.waiting, self.most = answers, 0, 0

    def init(self, **_):
        if not self.answers:
            raise ConnectionError("nobody there")

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, work):
        def begin(job):
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            return lambda: work(job)

        return type("Remote", (), {"remote": staticmethod(begin)})

    def get(self, later):
        self.waiting -= 1
        return later()


def test_results_come_in_order_and_few_jobs_wait(monkeypatch):
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert list(cluster.spread(str, range(50), "auto")) == [str(number) for number in range(50)]
    assert ray.most == 4  # two a processor


def test_no_cluster_at_the_address_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", FakeRay(answers=False))
    with pytest.raises(ValueError, match="ray start --head"):
        list(cluster.spread(str, [1], "10.0.0.9:6379"))
