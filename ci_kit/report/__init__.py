"""Report on the pull request.

One Markdown report of all results, kept as exactly one comment.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="id", key="report.id", help="One comment is kept per id."),
    Option(name="title", key="report.title", help="What is reported on; default: the repository's name."),
    Option(name="publisher", key="report.publisher", help="Who posts the comment: github or cml."),
    Option(name="history", help="Show what is known of the commits of the base branch, as a page, too.", verb=True),
    Option(name="stdout", help="Print the report as Markdown, and nothing else; publish nothing.", prints="comment.md"),
    Option(name="fork", help="Only report what a fork's run has left: what holds the token, without its code."),
)

EXAMPLES = (
    "ci-kit report          # of the steps that ran here",
    "ci-kit report history  # of the base branch",
)
