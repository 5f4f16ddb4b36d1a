import sys
from pathlib import Path

import pytest
from texts import squeeze

from src.common.errors import SettingsError
from src.experiments import benchmark, peers, quality


def list_commands(folder, pythons):
    (folder / "settings.json").write_text('{"SIZE": [64, 96]}')
    return benchmark.list_rows(folder, folder, pythons)


def test_every_peer_is_measured_in_the_environment_that_has_its_package(tmp_path):
    pythons = {peer.package: Path(f"python-of-{peer.package}") for peer in peers.PEERS.values()}
    groups = list_commands(tmp_path, pythons)
    for group in ("train 192x320", "train 352x480", "latency 192x320", "throughput 64x96"):
        assert {"ours", "segmentation-models", "smp, as shipped"} <= set(groups[group])
        for name, peer in peers.PEERS.items():
            if peer.predicts or group.startswith("train"):
                python, script, *_ = groups[group][name]
                assert python == f"python-of-{peer.package}" and Path(script).exists()
    alone = list_commands(tmp_path, {"keras_hub": Path("python")})["latency 192x320"]
    assert {name for name in alone if name in peers.PEERS} == {
        "KerasHub, SegFormer-B0, square",
        "KerasHub, DeepLabV3+",
    }


def test_commands_name_size_and_network(tmp_path):
    groups = list_commands(tmp_path, {"keras_hub": Path("python"), "torchvision": Path("python")})
    rows = groups["train 352x480"]
    assert rows["KerasHub, SegFormer-B0, square"][2:] == ["train", "[416, 416]", '"segformer"']
    assert rows["KerasHub, DeepLabV3+"][2:] == ["train", "[352, 480]", '"deeplab"']
    row = groups["throughput 192x320"]["torchvision, LRASPP-MobileNetV3"]
    assert row == ["python", str(quality.ROWS / "peer_torchvision.py"), "answer_many", "[192, 320]"]
    assert "smp, same decoder" not in groups["latency 192x320"]


@pytest.mark.parametrize(
    ("size", "side"), [((192, 320), 256), ((352, 480), 416), ((288, 512), 384), ((64, 64), 64)]
)
def test_a_square_has_about_as_many_pixels(size, side):
    assert peers.choose_square(size) == (side, side)


def test_the_first_environment_that_has_a_package_is_taken(tmp_path, monkeypatch):
    (tmp_path / "ultralytics").mkdir()
    (tmp_path / "ultralytics" / "__init__.py").write_text("raise ImportError('it is only looked for')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    first, second = Path(sys.executable), Path(sys.executable).resolve()
    found = peers.find_pythons([first, second])
    assert found["ultralytics"] == first and peers.SMP not in found
    assert peers.find_pythons([]) == {}


def test_a_python_that_does_not_run_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"--peers must be the Python of each.*no-python does not run; "):
        peers.find_pythons([tmp_path / "no-python"])
    with pytest.raises(SettingsError, match="does not run"):
        peers.find_pythons([tmp_path])  # a folder


def test_peers_without_an_environment_are_told_by_package():
    pythons = {peer.package: Path("python") for peer in peers.PEERS.values()}
    assert peers.describe_missing(pythons) == ""
    del pythons["keras_hub"], pythons["torchvision"]
    assert peers.describe_missing(pythons).splitlines() == [
        "Left out, because no environment of --peers has keras_hub: KerasHub, SegFormer-B0, square; "
        "KerasHub, DeepLabV3+.",
        "Left out, because no environment of --peers has torchvision: torchvision, LRASPP-MobileNetV3.",
    ]


def test_the_table_of_peers_by_hand():
    groups = {
        "train 192x320": {
            "ours": {"seconds": [0.1, 0.2, 0.9], "memory": 1999.6},
            "KerasHub, DeepLabV3+": {"seconds": [0.5], "memory": 640.0},
        },
        "latency 192x320": {"ours": {"seconds": [0.04], "memory": 700.0}, "bare LiteRT": {"seconds": [1.0]}},
        "step 352x480": {"ours": {"seconds": [1.0], "memory": 1.0}},
    }
    lines = squeeze(peers.make_peers_table(groups)).splitlines()
    assert lines[0] == "| images a second (peak MB) | train 192x320 | latency 192x320 |"
    assert lines[2:] == [
        "| ours | 5.0 (2,000) | 25.0 (700) |",
        "| KerasHub, DeepLabV3+ | 2.0 (640) | - |",
    ]


def test_only_what_a_peer_needs_is_in_its_environment():
    """A script imports its own peer's package and no other's, which would count to its memory."""
    packages = {peer.package for peer in peers.PEERS.values()}
    for peer in peers.PEERS.values():
        text = (quality.ROWS / peer.script).read_text(encoding="utf-8")
        assert [name for name in sorted(packages) if f"import {name}" in text or f"from {name}" in text] == [
            peer.package
        ], peer.script
