"""Text that wants to do harm: the corpus and the strategies that every property test of untrusted text draws from."""

from collections.abc import Iterator
from random import Random

from hypothesis import strategies as st

COMMANDS = (
    "::error::boom",
    "  \t::error file=a.py,line=1::boom",
    "\u3000::notice::x",
    "::add-mask::a",
    "::set-output name=a::b",
    "::stop-commands::token",
    "::add-matcher::x.json",
    "::save-state name=isPost::1",
    "::group::g",
    "##[error]boom",
    "epoch 1 ##[add-mask]a",
    "##[group]g",
    "#\u200b#[error]x",
    "##\u00ad[error]x",
    "#\x1b[0m#[error]x",
    "\x1b[31m::error::red\x1b[0m",
    "\x1b]0;title\x07::error::x",
    "\u200b::error::x",
    ":\u200d:error::x",
    "100%\r::error::after a progress bar",
    "100%\r##[error]x",
    "a\u2028::error::x",
    "a\x85::error::x",
    "a\x0b::error::x\x0c##[error]y",
    "%0A::error::x",
    "::error::%0A::warning::y",
)
MARKDOWN = (
    "@octocat",
    "thanks @org/team!",
    "fixes #1",
    "Closes octo/demo#12, resolves GH-3",
    "closes https://github.com/octo/demo/issues/1",
    "octo/demo@0123456789abcdef0123456789abcdef01234567",
    "0123456789abcdef0123456789abcdef01234567",
    "see 0123456",
    "GHSA-aaaa-bbbb-cccc",
    "JIRA-123",
    "https://evil.example/x?a=b",
    "www.evil.example",
    "evil.com",
    "mailto:a@b.co",
    "a@b.co",
    "[x](https://evil.example)",
    "[x]: https://evil.example",
    "![b](http://evil.example/p.png)",
    "[^1]: note",
    "<https://evil.example>",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<details open><summary>x</summary>",
    "</details>",
    "</td></tr></table>",
    "<!-- -->",
    "<!-- ci-kit:report id=kit run=9 -->",
    '![](https://cml.dev/watermark.png#0123abc "CML watermark kit")',
    "-->",
    "`",
    "``",
    "```\n@octocat\n```",
    "~~~",
    "`a` @octocat `b`",
    "a | b | c",
    "\\| a",
    "|---|---|",
    "a\n\n# heading",
    "a\n---",
    "a\n===",
    "=",
    "- item",
    "1. item",
    "> quote",
    "> [!WARNING]",
    "- [ ] task",
    "    code",
    "*a* **b** _c_ __d__ ~~e~~",
    ":tada: :+1: ::smile::",
    "$x$ $$y$$ $`z`$",
    "&lt;img&gt; &#64;octocat &commat;octocat",
    "\\@octocat \\`x\\`",
    "%%{init: {'securityLevel': 'loose'}}%%",
    'click A call alert("x")',
    "\"quotes\" 'and' “these”",
)
HIDDEN = (
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x08\x08",
    "\u202e\u2066rtl\u2069",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\u00ad",
    "\u3164\u115f",
    "\U000e0041\U000e007f",
    "\ud800",
    "\udfff\ud83d",
    "\ue000",
    "\r",
    "\r\n",
    "\u2028",
    "\u2029",
    "\x85",
)
GREAT = ("x" * 1_000_000, "`" * 1_000_000, "a\n" * 100_000, "#" * 1_000_000 + "[error]", "\x1b[" * 100_000)
CORPUS = (*COMMANDS, *MARKDOWN, *HIDDEN)

_LETTERS = tuple("#[]:`|@<>!*_~()\\ \n\r\t-=+.,;$&%'\"/aZ09é→漢\u0301\u0130\u200b\x1b\u00ad\U0001f389")
# Mostly the corpus, cut up and put together again: far more often dangerous than random text.
_PIECES = (*CORPUS, *_LETTERS)
texts = st.lists(st.sampled_from(_PIECES), max_size=6).map("".join)
anything = texts | st.text(max_size=20)


def sweep(count: int, seed: int = 0) -> Iterator[str]:
    """Yield the same random texts every time: many more than hypothesis could draw in the same second."""
    random = Random(seed)
    for _ in range(count):
        yield "".join(random.choices(_PIECES, k=random.randint(1, 6)))
