import time

import pytest

from ci_kit.train.gpu import Gpus, gpus
from tests.train.nvml import Recorded


def sampled(nvml: Recorded) -> dict[str, float]:
    device = Gpus(nvml, list(range(nvml.nvmlDeviceGetCount())), period=0.01)
    device.start()
    deadline = time.monotonic() + 5
    while len(device._use) < 3 and "gpu" not in nvml.mute and time.monotonic() < deadline:
        time.sleep(0.01)
    if "gpu" in nvml.mute:
        time.sleep(0.1)
    return {name: metric.value for name, metric in device.stop().items()}


def test_use_memory_and_energy_of_all_gpus() -> None:
    found = sampled(Recorded())
    assert found["gpu_utilisation_max"] == 90  # (95 + 85) / 2
    assert 60 <= found["gpu_utilisation"] <= 90  # (10 + 80 + 90 + …) / n
    assert found["gpu_memory"] == 21474836480 + 16106127360
    assert found["gpu_energy"] == 750 + 250  # joules, from the counters


def test_without_an_energy_counter_power_is_integrated() -> None:
    found = sampled(Recorded(mute=("millijoules",)))
    assert 0 < found["gpu_energy"] < 570 * 5


def test_what_the_device_cannot_tell_is_left_out() -> None:
    assert sampled(Recorded(mute=("gpu", "used", "milliwatts", "millijoules"))) == {}


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, "2 × NVIDIA A100-SXM4-40GB"),
        ("0", "NVIDIA A100-SXM4-40GB"),
        ("1,0", "2 × NVIDIA A100-SXM4-40GB"),
        ("GPU-00000000-0000-0000-0000-000000000002", "NVIDIA A100-SXM4-40GB"),
        ("1,-1,0", "NVIDIA A100-SXM4-40GB"),
        ("", None),
        ("7", None),
    ],
)
def test_only_visible_gpus_count(monkeypatch: pytest.MonkeyPatch, visible: str | None, expected: str | None) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = Recorded()
    with gpus(nvml) as found:
        assert (found.name if found else None) == expected
    assert nvml.open == 0


@pytest.mark.parametrize("nvml", [Recorded(driver=False), Recorded(devices=0)])
def test_no_driver_or_no_device_is_no_gpu(nvml: Recorded) -> None:
    with gpus(nvml) as found:
        assert found is None


def test_sampling_ends_with_the_block() -> None:
    with gpus(Recorded()) as found:
        assert found is not None
        found.start()
    assert not found._thread.is_alive()
