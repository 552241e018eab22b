import json
import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from ci_kit import config, schemas
from ci_kit.errors import UserError
from ci_kit.sections import LOOKS, duration
from tests.schemas import judge

GOOD = """
base: trunk
data:
  train: {path: data/train.csv, schema: schemas.py:Train, key: id, sensitive: [email], fresh: {column: at, within: 36h}}
  evaluation: {path: [a.parquet, b/], min-rows: 10}
validate: {overlap: [{between: [train, evaluation], by: id}]}
train: {command: python train.py, outputs: model.onnx, gpu: required, price: {per-hour: 1.2, currency: EUR}}
evaluate: {task: regression, target: y, gate: {score-margin: 0.1}, first-run: allow}
report: {id: small, publisher: cml, show: [comment, check]}
"""


def test_a_full_configuration_is_read_and_fits_the_published_schema() -> None:
    read = config.read(GOOD.encode())
    assert read.data["train"].key == ("id",)
    assert read.data["evaluation"].path == ("a.parquet", "b/")
    assert read.evaluate.gate.score_margin == 0.1
    assert read.report.show == ("comment", "check")
    assert config.read(b"report: {show: check}").report.show == ("check",)
    judge(json.loads((schemas.FOLDER / "config.json").read_text())).validate(yaml.safe_load(GOOD))


def test_an_empty_file_means_the_defaults() -> None:
    assert config.read(b"# nothing yet\n") == config.Config()


def test_an_override_wins_over_the_file() -> None:
    read = config.read(GOOD.encode(), {"evaluate.first-run": "fail", "validate.samples": "9", "report.title": "x"})
    assert (read.evaluate.first_run, read.validate_.samples, read.report.title) == ("fail", 9, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evaluate:\n  taks: regression", "ci-kit.yaml:2: unknown key 'evaluate.taks'. Did you mean 'task'?"),
        ("data:\n  a:\n    path: x\n    scema: y", "ci-kit.yaml:4: unknown key 'data.a.scema'. Did you mean 'schema'?"),
        ("evalute: {}", "ci-kit.yaml:1: unknown key 'evalute'. Did you mean 'evaluate'?"),
        ("evaluate: {first_run: allow}", "ci-kit.yaml:1: unknown key 'evaluate.first_run'. Did you mean 'first-run'?"),
        ("evaluate: {gate: {margin: 0.1}}", "Did you mean 'score-margin'?"),
        (
            "validate:\n  overlap:\n    - between: [a, b]\n      with: id",
            "ci-kit.yaml:4: unknown key 'validate.overlap.0.with'",
        ),
        ("data: {a: {}}", "ci-kit.yaml:1: data.a.path: field required"),
        (
            "deploy:\n  targets:\n    prod:\n      kind: local\n      adress: x:1",
            "ci-kit.yaml:5: unknown key 'deploy.targets.prod.adress'. Did you mean 'address'?",
        ),
        (
            "deploy: {targets: {prod: {kind: kubernetes, folder: x}}}",
            "unknown key 'deploy.targets.prod.folder'. Known keys: stage, start, namespace, context, ",
        ),
        (
            "deploy:\n  targets:\n    prod: {kind: lokal}",
            "ci-kit.yaml:3: deploy.targets.prod.kind: 'lokal' is no kind of target. Did you mean 'local'?",
        ),
        (
            "deploy: {targets: {prod: {address: x:1}}}",
            "deploy.targets.prod has no `kind`. Known kinds: local, ssh, docker, ",
        ),
        ("deploy: {targets: {local: {kind: ssh}}}", "ci-kit.yaml:1: deploy.targets.local.host: field required"),
        (
            "deploy: {targets: {prod: {kind: local, address: x:65536}}}",
            "deploy.targets.prod.address: 'x:65536' must look like `127.0.0.1:8080`",
        ),
        ("base: main\nevaluate: {task: ranking}", "ci-kit.yaml:2: evaluate.task: input should be"),
        ("train: {price: {per-hour: .inf}}", "train.price.per-hour: input should be a finite number (it is inf)"),
        ("base: 1\nbase: 2", "ci-kit.yaml:2 is not valid YAML ('base' stands here twice)"),
        ("a: &x [1]\nb: *x", "ci-kit.yaml:2 is not valid YAML (aliases are not allowed)"),
        ("a: [", "ci-kit.yaml:1 is not valid YAML"),
        ("!!python/object:os.system {}", "is not valid YAML"),
        ("- a", "ci-kit.yaml is a list (it must be a mapping)"),
        ("x" * (config.MAX_BYTES + 1), "the limit is 1,048,576"),
        ("[" * 100_000, "is not valid YAML (more than 20 levels)"),
        ("? [a, b]\n: 1", "is not valid YAML"),
        ("1: 2", "keys should be strings"),
        ("a: \x00", "ci-kit.yaml is not valid YAML (special characters are not allowed)"),
        ("data:\n a:\n  path: x\n  schema: foo", ":4: data.a.schema: 'foo' must look like `path/to/file.py:Name`"),
        ("data:\n A B: {path: x}", "ci-kit.yaml:2: data.A B: 'A B' must look like `train-2` (at most 41 of a-z,"),
        (
            "data: {a: {path: x, fresh: {column: t, within: 1y}}}",
            "within: '1y' must look like `90s`, `36h`, `7d` or `4w`; there are no months: use `30d`",
        ),
        ("train: {price: {per-hour: 1, currency: eur}}", "train.price.currency: 'eur' must look like `EUR`"),
        ("report: {show: coment}", "report.show.0: input should be 'comment', 'check' or 'status' (it is 'coment')"),
        ("report: {show: []}", "report.show: tuple should have at least 1 item"),
        ("report: {id: A}", "report.id: 'A' must look like `train-2`"),
    ],
)
def test_each_mistake_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        config.read(text.encode())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drift: {window: {column: t}}", "drift.window: give either `every` (with `column`) or `rows`"),
        ("drift: {alarm: {windows: 3}}", "drift.alarm: 3 of 2 windows can never be"),
    ],
)
def test_a_mistake_of_a_whole_section_does_not_dump_it(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        config.read(text.encode())
    assert str(caught.value) == f"ci-kit.yaml:1: {message}"


def test_every_pattern_is_said_in_words() -> None:
    patterns = re.findall('"pattern": (".*?[^\\\\]")', json.dumps(config.json_schema()))
    assert {json.loads(one) for one in patterns} == set(LOOKS)


@pytest.mark.parametrize(("raw", "line"), [(b"base: x\nreport: {title: \xfcx}\n", 2), (b"\xff\xfea\0", 1)])
def test_a_file_that_is_not_utf_8_is_called_so(raw: bytes, line: int) -> None:
    with pytest.raises(UserError, match=f"^ci-kit.yaml:{line} is not UTF-8"):
        config.read(raw)


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert config.read("\ufeffbase: trunk".encode()).base == "trunk"


def test_a_missing_file_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no ci-kit.yaml in .*\. Write one"):
        config.load(tmp_path / "ci-kit.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"train.gpu": "foo"}, "command line: --gpu: input should be 'none', 'auto' or 'required' (it is 'foo')"),
        ({"validate.samples": "abc"}, "command line: --samples: input should be a valid integer"),
        ({"report.id": "A B"}, "command line: --id: 'A B' must look like"),
    ],
)
def test_a_wrong_option_is_not_blamed_on_the_file(override: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        config.read(b"train: {gpu: none}", override)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("36h", 129_600), ("2w", 1_209_600), ("999999w", 3_155_760_000)]
)
def test_a_duration_is_a_time_that_can_be_added_to_a_date(text: str, seconds: int) -> None:
    assert duration(text).total_seconds() == seconds
    assert datetime(2026, 11, 21) + duration(text)
