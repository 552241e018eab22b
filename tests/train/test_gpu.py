import time
from pathlib import Path

import pytest

from ci_kit.train.gpu import Gpus, gpus
from ci_kit.train.sensors import Nvidia, amd
from tests.train.nvml import Recorded


def sampled(nvml: Recorded) -> dict[str, float]:
    device = Gpus(Nvidia(nvml, list(range(nvml.nvmlDeviceGetCount()))), period=0.01)
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


def card(folder: Path, number: int, vendor: str, **files: str) -> None:
    device = folder / f"card{number}" / "device"
    (device / "hwmon" / "hwmon3").mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    for name, value in files.items():
        (device / ("hwmon/hwmon3/" if name.startswith("power") else "") / name).write_text(f"{value}\n")


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kernel shows of two AMD GPUs beside the picture's parts of two processors."""
    for name in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    large = str(192 * 2**30)
    busy = {
        "mem_info_vram_total": large,
        "gpu_busy_percent": "40",
        "mem_info_vram_used": "1000",
        "power1_average": "250000000",
    }
    card(tmp_path, 0, "0x8086")
    card(tmp_path, 1, "0x1002", product_name="Instinct MI300X", **busy)
    card(tmp_path, 2, "0x1002", gpu_busy_percent="5", mem_info_vram_total=str(2**29))
    less = {"gpu_busy_percent": "80", "mem_info_vram_used": "500", "power1_input": "50000000"}
    card(tmp_path, 10, "0x1002", mem_info_vram_total=large, **less)
    (tmp_path / "card1-DP-1").mkdir()
    return tmp_path


def test_amds_gpus_are_read_from_the_kernels_files(cards: Path) -> None:
    sensors = amd(cards)
    assert sensors is not None
    assert (sensors.names, sensors.use(), sensors.memory()) == (["Instinct MI300X", "AMD GPU"], [40, 80], [1000, 500])
    assert (sensors.watts(), sensors.joules(), sensors.pids()) == ([250, 50], [], frozenset())
    device = Gpus(sensors, period=0.01)
    device.start()
    time.sleep(0.2)
    found = {name: metric.value for name, metric in device.stop().items()}
    assert (found["gpu_utilisation"], found["gpu_memory"]) == (60, 1500)
    assert 0 < found["gpu_energy"] < 300 * 5  # integrated, as there is no counter
    assert device.name == "Instinct MI300X, AMD GPU"


VISIBLE = [("1", ["AMD GPU"]), ("1,0", ["AMD GPU", "Instinct MI300X"]), ("", None)]


@pytest.mark.parametrize(("visible", "names"), VISIBLE)
def test_only_visible_gpus_of_amd_count(
    cards: Path, monkeypatch: pytest.MonkeyPatch, visible: str, names: list[str] | None
) -> None:
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", visible)
    found = amd(cards)
    assert (found.names if found else None) == names


def test_a_machine_without_gpus_of_amd_has_none(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x8086")
    assert amd(tmp_path) is None
    assert amd(tmp_path / "none") is None
