import unicodedata

from ci_kit.characters import visible

BLANK_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def test_every_hidden_character_is_shown_and_no_other() -> None:
    some = (*range(0x32000), *range(0xE0000, 0xE1000), *range(0xF0000, 0xF0100), *range(0x10FF00, 0x110000))
    known = [chr(number) for number in some if unicodedata.category(chr(number)) != "Cn"]
    pictures = {chr(number) for number in range(0xFE00, 0xFE10)} | {chr(n) for n in range(0xE0100, 0xE01F0)}
    hidden = {char for char in known if unicodedata.category(char) in CATEGORIES and char not in "\t\n"}
    assert visible("".join(sorted(hidden))).isascii()
    changed = hidden | pictures | set(BLANK_LETTERS)
    harmless = "".join(char for char in known if char not in changed)
    assert visible(harmless) == harmless


def test_hidden_characters_have_their_usual_names() -> None:
    assert visible("a\x00\u202e\U000e0041\ud800b") == "a\\u0000\\u202e\\U000e0041\\ud800b"


def test_emoji_keep_their_picture_without_the_selector() -> None:
    assert visible("✔️") == "✔"
