import pytest

from ci_kit.parts import Metric, Status
from ci_kit.render.view import View
from ci_kit.render.words import headline, lead
from ci_kit.result import Result
from tests.render.samples import check, evaluated, passing, reads, result, view

BOTH = passing("validate", "train")
WITHIN = evaluated().model_copy(
    update={
        "metrics": {
            "log_loss": Metric(value=0.145, direction="down"),
            "log_loss@baseline": Metric(value=0.142, direction="down"),
            "log_loss@change": Metric(value=0.003, direction="down", low=0.001, high=0.005),
        }
    }
)


@pytest.mark.parametrize(
    ("shown", "status", "expected"),
    [
        (view(*BOTH, evaluated("fail")), "fail", "the candidate is worse than main"),
        (view(*BOTH, evaluated("pass")), "pass", "the candidate is better than main"),
        (view(*BOTH, WITHIN), "pass", "the candidate is a little worse than main, within the limit"),
        (view(*BOTH, evaluated("unsure")), "unsure", "can't tell whether the candidate is worse than main"),
        (
            view(*BOTH, result("evaluate", check("baseline", "warn"))),
            "warn",
            "nothing to compare with on main yet",
        ),
        (view(*BOTH, result("evaluate", check("baseline", "fail"))), "fail", "no comparable baseline"),
        (view(*BOTH, result("evaluate", check("tests/a", "fail"))), "fail", "1 model test failed"),
        (view(*BOTH, result("evaluate", check("error", "fail"))), "fail", "evaluate could not judge"),
        (view(result("validate", check("a", "fail"), check("b", "fail"))), "fail", "the data fails 2 checks"),
        (view(passing("validate")[0], result("train", check("command", "fail"))), "fail", "training failed"),
        (
            view(*BOTH, evaluated("pass", check("x", "warn"))),
            "warn",
            "the candidate is better than main, with 1 warning",
        ),
        (
            view(*BOTH, evaluated("pass", check("baseline", "warn"))),
            "warn",
            "the candidate is better than main, with 1 warning",
        ),
        (view(*BOTH, result("evaluate", check("x"))), "pass", "all checks pass"),
        (view(*BOTH), "unsure", "incomplete, no result of evaluate"),
        (view(*BOTH, damaged={"evaluate": "too new"}), "fail", "the result of evaluate can't be used"),
        (view(), "unsure", "there are no results"),
    ],
)
def test_the_headline_says_the_verdict(shown: View, status: Status, expected: str) -> None:
    assert (shown.status, headline(shown)) == (status, expected)


CHANGED = "the data that was tested is not the data that was scored: "


@pytest.mark.parametrize(
    ("results", "names"),
    [
        ([reads(BOTH[0], a="sha256:a"), BOTH[1], reads(evaluated(), a="sha256:b")], "a"),
        ([reads(BOTH[0], a="1", b="1"), reads(BOTH[1], b="2"), reads(evaluated(), a="2")], "b, a"),
        ([reads(BOTH[0], a="1"), BOTH[1], reads(evaluated("fail"), a="2")], "a; the candidate is worse than main"),
    ],
)
def test_data_that_changed_between_two_steps_fails_first_of_all(results: list[Result], names: str) -> None:
    shown = view(*results)
    assert (shown.status, headline(shown)) == ("fail", CHANGED + names)
    assert texts(*results)[0].startswith(f"{names[0]}: ")


def test_what_each_step_read_is_said() -> None:
    before, after = f"sha256:{'a1' * 32}", f"md5:{'b2' * 16}"
    said = texts(reads(BOTH[0], evaluation=before), reads(BOTH[1]), reads(evaluated(), evaluation=after))[0]
    assert said == "evaluation: validate read sha256:a1a1a1a1a1a1 but evaluate read md5:b2b2b2b2b2b2b2b."


def test_data_that_only_one_step_read_or_all_read_alike_is_no_change() -> None:
    shown = view(reads(BOTH[0], a="1", b="1"), reads(BOTH[1]), reads(evaluated(), a="1", c="2"))
    assert (shown.changed, shown.status) == ((), "pass")


def texts(*results: Result, **more: object) -> list[str]:
    return ["".join(sentence) for sentence in lead(view(*results, **more))]


def test_a_step_that_could_not_run_says_why() -> None:
    assert texts(result("validate", check("rows", "fail", observed="3"))) == [
        "validate: rows: 3.",
        "train and evaluate did not run, because validate failed.",
    ]
    assert texts(*BOTH) == ["evaluate left no result."]


def test_what_can_not_be_told_says_what_it_would_take() -> None:
    assert texts(*BOTH, evaluated("unsure")) == [
        "log loss 0.142 → 0.145 (+0.0030, likely −0.009 to +0.016); whether that is too much can't be told: "
        "450 rows show changes of 11 % or more (the limit is +5 %)."
    ]


def test_the_gates_own_words_are_used() -> None:
    told = evaluated("fail").checks[0].model_copy(update={"observed": "0.142 → 0.171 (+20 %, likely +12 % to +29 %)"})
    one = evaluated("fail").model_copy(update={"checks": (told,)})
    assert texts(*BOTH, one)[0].startswith("log loss 0.142 → 0.171 (+20 %, likely +12 % to +29 %) on the same 450 rows")


def test_many_failures_are_counted_and_the_first_named() -> None:
    many = result("validate", *(check(f"rule {index}", "fail") for index in range(9)), check("fine"))
    assert texts(many)[0] == "validate, 9 of 10 checks failed: rule 0; rule 1; rule 2; …"
