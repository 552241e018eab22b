import pytest

from ci_kit.parts import Chart, Series
from ci_kit.render import curves
from ci_kit.render.charts import mermaid
from ci_kit.render.html import page
from ci_kit.render.markdown import markdown
from tests.render.samples import check, curve, result, view


def losses(last: float, *, epochs: int = 3, names: tuple[str, ...] = ("train/loss", "validation/loss")) -> Chart:
    x = tuple(float(epoch) for epoch in range(epochs))
    series = tuple(Series(name=name, x=x, y=(*x[:-1], last)) for name in names)
    return Chart(kind="line", title="loss", x="epoch", y="loss", series=series)


def shown(now: Chart, before: Chart | None) -> list[tuple[str, list[str]]]:
    known = {} if before is None else {"train": result("train", check("command"), charts=(before,))}
    found = curves.shown(view(result("train", check("command"), charts=(now,)), before=known))
    assert len({key for key, _ in found}) == len(found)
    return [(one.title, [series.name for series in one.series]) for _, one in found]


BESIDE = ["baseline", "this change"]
WHOLE = ("loss", ["train/loss", "validation/loss"])


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (losses(1), losses(2), [("train/loss", BESIDE), ("validation/loss", BESIDE)]),
        (losses(1), losses(1), [WHOLE]),
        (losses(1), None, [WHOLE]),
        (losses(1), losses(2).model_copy(update={"title": "error"}), [WHOLE]),
        (losses(1), losses(2).model_copy(update={"x": "step"}), [WHOLE]),
        (losses(1), losses(2, names=("train/loss",)), [("loss", ["validation/loss"]), ("train/loss", BESIDE)]),
    ],
    ids=["both differ", "nothing was trained", "no history", "other chart", "other axis", "new curve"],
)
def test_a_curve_stands_beside_the_base_branchs(now: Chart, before: Chart | None, expected: object) -> None:
    assert shown(now, before) == expected


def test_the_base_branch_is_grey_and_this_change_blue_in_both() -> None:
    known = {"train": result("train", check("command"), charts=(losses(2),))}
    one = view(result("train", check("command"), charts=(losses(1),)), before=known)
    assert 'title "validation/loss: baseline grey, this change blue"' in markdown(one)
    assert page(one).count('class="l c1"') == page(one).count('class="l c0"') == 2


def test_a_training_of_other_length_is_drawn_apart_and_each_picture_says_whose_it_is() -> None:
    known = {"train": result("train", check("command"), charts=(losses(2, epochs=5),))}
    ((_, one), _) = curves.shown(view(result("train", check("command"), charts=(losses(1),)), before=known))
    titles = [line for source in mermaid(one) for line in source.splitlines() if "title" in line]
    assert titles == ['  title "train/loss: baseline grey"', '  title "train/loss: this change blue"']
    palettes = [line.split('"')[3] for source in mermaid(one) for line in source.splitlines() if "Palette" in line]
    assert [palette[:7] for palette in palettes] == ["#8c959f", "#2f81f7"]


def test_other_charts_stay_as_they_are() -> None:
    bars = curve().model_copy(update={"kind": "bar"})
    assert shown(bars, curve()) == [("loss by epoch", ["validation loss", "training loss"])]
