#!/bin/sh
# Check the commit that is checked out; leave the report in report.md, and end as the check did.
ci-kit run check --no-report
checked=$?
ci-kit report --stdout >report.md
reported=$?
[ "$checked" -eq 0 ] || exit "$checked"
exit "$reported"
