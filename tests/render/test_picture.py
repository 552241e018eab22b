import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from ci_kit.parts import Chart, Series
from ci_kit.render.marks import label, wide
from ci_kit.render.matrix import MOST, confusions, short
from ci_kit.render.picture import MOST_BYTES, picture, wanted
from ci_kit.render.svg import svg
from tests.hostile import CORPUS, GREAT, anything
from tests.render.samples import bars, curve, matrix, points

SAMPLES = (curve, bars, matrix, points)
TAGS = {"svg", "title", "style", "text", "rect", "path", "g", "circle"}
ATTRIBUTES = {
    *("viewBox", "width", "height", "role", "x", "y", "rx", "d", "class", "transform", "text-anchor", "fill-opacity"),
    *("cx", "cy", "r"),
}


def square(size: int, value: float = 7, name: str = "") -> Chart:
    names = tuple(f"{name}{index}" for index in range(size))
    rows = tuple(Series(name=one, x=names, y=(value,) * size) for one in names)
    return Chart(kind="matrix", title="answers", x="answered", y="true", series=rows)


def elements(document: bytes) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(document).iter())


def tag(element: ElementTree.Element) -> str:
    return element.tag.removeprefix("{http://www.w3.org/2000/svg}")


def texts(document: bytes, style: str | None = None) -> list[str]:
    found = (one for one in elements(document) if tag(one) == "text")
    return [one.text or "" for one in found if style is None or style in one.get("class", "").split()]


def assert_harmless(document: bytes) -> None:
    found = elements(document)
    assert {tag(one) for one in found} <= TAGS
    assert {name for one in found for name in one.attrib} <= ATTRIBUTES
    (style,) = (one.text or "" for one in found if tag(one) == "style")
    assert not re.search(r"url|import|@(?!media)|http|expression", style)
    assert not re.search(rb"<\?|<!|&(?!amp;|lt;|gt;|quot;|#x27;)", document)
    assert len(document) <= MOST_BYTES


@pytest.mark.parametrize("sample", SAMPLES)
def test_text_from_outside_is_only_text(sample) -> None:  # type: ignore[no-untyped-def]
    for text in CORPUS:
        assert_harmless(picture(sample(lambda _, text=text: text or "x")))


@settings(max_examples=60)
@given(anything)
def test_any_text_is_only_text(text: str) -> None:
    for sample in SAMPLES:
        document = picture(sample(lambda _: f"w{text}\ufffe\uffff"))
        assert_harmless(document)


@pytest.mark.parametrize("text", GREAT)
def test_great_texts_are_cut(text: str) -> None:
    for sample in SAMPLES:
        assert_harmless(picture(sample(lambda _: text)))


@pytest.mark.parametrize("sample", SAMPLES)
def test_it_is_the_same_every_time_and_follows_the_theme(sample) -> None:  # type: ignore[no-untyped-def]
    document = picture(sample())
    assert document == picture(sample())
    (style,) = (one.text or "" for one in elements(document) if tag(one) == "style")
    assert "@media(prefers-color-scheme:dark)" in style
    used = {name for one in elements(document) for name in one.get("class", "").split()}
    assert used
    assert all(re.search(rf"\.{name}[.{{, ]", style) for name in used - {"b"}), used
    root = elements(document)[0]
    assert root.get("role") == "img"
    assert (root[0].text or "").startswith(f"{sample().title}: ")
    assert texts(document, "t") == [sample().title]


def test_only_what_has_its_own_ground_has_a_colour_for_one_theme() -> None:
    bold = [one.text for one in elements(picture(matrix())) if "h" in one.get("class", "").split()]
    assert bold == ["40", "2", "3", "55"]
    assert b'class="ground"' in picture(matrix())
    assert not [one for one in elements(picture(points())) if "h" in one.get("class", "").split()]


def test_the_legend_is_inside_and_no_wider_than_the_picture() -> None:
    names = [f"a series with quite a long name {index}" for index in range(8)]
    one = Chart(
        kind="line",
        title="t",
        x="x",
        y="y",
        series=tuple(Series(name=name, x=(1.0, 2.0), y=(1.0, 2.0)) for name in names),
    )
    document = picture(one)
    assert set(names) <= set(texts(document))
    for found in elements(document):
        if found.text in names:
            assert float(found.get("x", "")) + wide(found.text or "") <= 720
    assert "legend" not in document.decode()


@pytest.mark.parametrize("size", [2, 10, 20, MOST])
@pytest.mark.parametrize("name", ["", "a class with a long name "])
def test_a_matrix_of_any_size_fits_and_is_small(size: int, name: str) -> None:
    document = picture(square(size, 123_456, name))
    assert_harmless(document)
    root = elements(document)[0]
    assert int(root.get("width", "")) <= 940
    assert texts(document, "m").count("123k") == size * size
    right, bottom = int(root.get("width", "")), int(root.get("height", ""))
    for one in elements(document):
        if tag(one) == "rect":
            assert float(one.get("x", "")) + float(one.get("width", "")) <= right
            assert float(one.get("y", "")) + float(one.get("height", "")) <= bottom


def shades(chart: Chart, style: str) -> list[float]:
    found = re.findall(rf'class="{style}" fill-opacity="([\d.]+)"', svg(chart))
    return [float(one) for one in found[:-1]]  # the last one is the key's


def test_errors_are_shaded_by_their_share_of_the_row_and_not_drowned() -> None:
    names = ("rare", "often")
    rows = (Series(name="rare", x=names, y=(9, 1)), Series(name="often", x=names, y=(1_000, 9_000)))
    one = Chart(kind="matrix", title="t", x="answered", y="true", series=rows)
    rare, often = shades(one, "wrong")
    assert rare == often  # one row of ten, and a thousand of ten thousand
    right = shades(one, "right")
    assert right[0] == right[1] < rare


def test_rows_without_a_number_and_negative_ones_are_drawn() -> None:
    names = ("a", "b")
    rows = (Series(name="a", x=names, y=(0, 0)), Series(name="b", x=names, y=(-1, 2)))
    document = picture(Chart(kind="matrix", title="t", x="answered", y="true", series=rows))
    assert_harmless(document)
    assert {"−1", "2"} <= set(texts(document))


def test_more_columns_than_fit_are_named() -> None:
    names = tuple(str(index) for index in range(40))
    rows = tuple(Series(name=name, x=names, y=(1.0,) * 40) for name in names[:24])
    document = picture(Chart(kind="matrix", title="t", x="answered", y="true", series=rows))
    assert any("16 more columns" in one for one in texts(document))


def test_labels_of_one_family_can_be_told_apart() -> None:
    names = ("customer_support_billing", "customer_support_refunds")
    rows = tuple(Series(name=name, x=names, y=(1.0, 2.0)) for name in names)
    document = picture(Chart(kind="matrix", title="t", x="answered", y="true", series=rows))
    assert {"customer_…_billing", "customer_…_refunds"} <= set(texts(document))


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (999, "999"), (1000, "1.0k"), (9_949, "9.9k"), (9_950, "10k"), (999_499, "999k"), (999_500, "1.0M")],
)
def test_counts_have_four_characters(value: float, text: str) -> None:
    assert short(value) == text


def test_confusions_are_those_off_the_diagonal_the_most_frequent_first() -> None:
    assert confusions(matrix()) == [("dog", "cat", 3.0), ("cat", "dog", 2.0)]


def scatter(*ys: float, x: tuple[object, ...] = (1.0, 2.0, 3.0), names: tuple[str, ...] = ("now",)) -> Chart:
    series = [{"name": name, "x": x, "y": ys} for name in names]
    return Chart.model_validate({"kind": "points", "title": "t", "x": "x", "y": "y", "series": series})


def test_zero_has_its_line_where_it_lies_inside() -> None:
    assert 'class="z"' in svg(scatter(-1, 0, 2))
    assert 'class="z"' not in svg(scatter(5, 6, 7))


def test_before_is_grey_and_square_and_now_is_blue_and_round() -> None:
    document = picture(scatter(-1, 0, 2, names=("baseline", "this change")))
    drawn = [one.get("class") for one in elements(document) if tag(one) == "path" and "p" in one.get("class", "")]
    assert drawn == ["p c1", "p c0"]
    assert b".p.c1{stroke-linecap:square" in document
    assert {"baseline", "this change"} <= set(texts(document))


def test_groups_stand_side_by_side() -> None:
    document = picture(scatter(1, 2, 3, x=("a", "b", "a")))
    assert {"a", "b"} <= set(texts(document))


def test_nothing_to_draw_is_nothing() -> None:
    assert picture(scatter(x=())) == b""
    assert picture(scatter(1e301, 0, 0)) == b""
    assert picture(square(2, 1e301)) == b""
    many = tuple(Series(name=str(index), x=tuple(map(str, range(200))), y=(1.0,) * 200) for index in range(24))
    assert picture(bars().model_copy(update={"series": many})) == b""  # it would have more than 100 KB


def test_mermaid_is_left_what_it_draws_well() -> None:
    assert [wanted(sample()) for sample in SAMPLES] == [False, False, True, True]
    apart = tuple(Series(name=str(end), x=(0.0, float(end)), y=(1.0, 2.0)) for end in (1, 2, 3))
    assert wanted(curve().model_copy(update={"series": apart}))


def test_a_label_is_one_line_of_visible_characters() -> None:
    assert label("a\nb\u202ec", 30) == "a b\\u202ec"
    assert label("x" * 30, 10) == "x" * 9 + "…"
