"""Run one pandera schema over one table: every rule, every failure, exact counts."""

from collections.abc import Iterator
from typing import Any

from ci_kit.errors import CiKitError
from ci_kit.parts import Check, Status
from ci_kit.progress import each
from ci_kit.validate.flavour import forced
from ci_kit.validate.rules import Rule, rules
from ci_kit.validate.source import Source
from ci_kit.validate.table import Fault, Table, Tally
from ci_kit.validate.where import Where
from ci_kit.validate.wording import check, hidden, numbers, samples, share


class Examination:
    """The questions of one schema to one table, and how the answers are told."""

    def __init__(self, source: Source, schema: Any, table: Table, where: Where, shown: int) -> None:
        """Keep what every answer needs; `shown` is the number of samples."""
        self.source, self.schema, self.table, self.where, self.shown = source, schema, table, where, shown
        self.faults: list[Fault] = []
        self._patterns = {key for key, column in schema.columns.items() if column.regex}
        self._passed: dict[tuple[str, str, str], int] = {}

    def checks(self) -> list[Check]:
        """Return one check for each column's type and for each rule, those that pass too.

        What holds for several columns that one regular expression names is one check.
        """
        with forced():
            self.faults = self.table.parse(self.schema)
            unusable = {fault.column or "" for fault in self.faults if fault.unusable}
            known = [*rules(self.schema, self.table, unusable)]
            asked = [self._rule(rule) for rule in each(known, lambda _: f"testing {self.source.name}")]
        return [*map(self._fault, self.faults), *filter(None, [*self._types(), *asked]), *self._together()]

    def _pass(self, column: str | None, rule: str, observed: str, title: str, key: str | None) -> Check | None:
        if key is None or key not in self._patterns:
            return self._check("pass", column, rule, observed, title, key=key)
        self._passed[key, rule, title] = self._passed.get((key, rule, title), 0) + 1
        return None

    def _together(self) -> Iterator[Check]:
        for (key, rule, title), count in self._passed.items():
            yield self._check("pass", key, rule, f"{count:,} columns", title, key=key)

    def _types(self) -> Iterator[Check | None]:
        faulty = {fault.column for fault in self.faults if fault.rule in ("present", "dtype", "coerced")}
        for key, column in self.schema.columns.items():
            dtype = self.schema.dtype or column.dtype
            for name in self.table.matching(column) if column.regex else [key]:
                if name in self.table.columns and name not in faulty:
                    title = str(dtype) if dtype is not None else "present"
                    rule = "dtype" if dtype is not None else "present"
                    yield self._pass(name, rule, "as the schema says", title, key)

    def _fault(self, fault: Fault) -> Check:
        detail = ", ".join(fault.samples[: self.shown])
        if detail and fault.column in self.source.sensitive:
            detail = hidden((fault.column,))
        return self._check("fail", fault.column, fault.rule, fault.observed, fault.limit, detail)

    def _rule(self, rule: Rule) -> Check | None:
        try:
            tally = rule.measure(self.table)
        except CiKitError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's checks raise whatever they like
            return self._broken(rule, error)
        if not tally.bad:
            seen = "true for the data set" if tally.whole else f"all {self.table.height:,} rows"
            return self._pass(rule.column, rule.name, seen, rule.title, rule.key)
        observed = "false for the data set" if tally.whole else share(tally.bad, self.table.height)
        status: Status = "warn" if rule.soft else "fail"
        return self._told(status, rule, observed, self._samples(rule, tally))

    def _samples(self, rule: Rule, tally: Tally) -> str:
        columns, rows = self.source.shown(rule.columns), tally.rows[: self.shown]
        if not rows:
            return ""
        if not columns:
            return hidden(rule.columns, rows)
        if rule.name == "not_null":
            return numbers(rows)
        return samples(columns, rows, self.table.values(columns, rows))

    def _broken(self, rule: Rule, error: Exception) -> Check:
        """A rule that can't be asked: no news where the type is wrong already, else a failure."""
        if any(fault.column == rule.column and fault.rule == "dtype" for fault in self.faults):
            return self._told("skip", rule, "not asked: wrong dtype")
        # The text of an error may quote any value of the table.
        text = "" if self.source.sensitive else f": {next(iter(str(error).splitlines()), '')[:200]}"
        detail = f"the check raised {type(error).__name__}{text}"
        return self._told("fail", rule, "could not be asked", detail)

    def _told(self, status: Status, rule: Rule, observed: str, detail: str = "") -> Check:
        return self._check(status, rule.column, rule.name, observed, rule.title, detail, rule.key, rule.limit)

    def _check(
        self,
        status: Status,
        column: str | None,
        rule: str,
        observed: str,
        title: str,
        detail: str = "",
        key: str | None = None,
        limit: str = "",
    ) -> Check:
        subject = f"{self.source.name}.{column}" if column else self.source.name
        return check(
            "/".join(("schema", self.source.name, *([column] if column else []), rule)),
            f"{subject}: {'dtype ' if rule in ('dtype', 'coerced') else ''}{title}",
            status,
            observed,
            limit,
            detail=detail,
            location=self.where(key or column, rule),
        )
