import unicodedata

from ci_kit.characters import visible


def test_every_hidden_character_is_shown_and_no_other() -> None:
    for number in range(0x110000):
        character = chr(number)
        hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and character not in "\t\n"
        shown = visible(character)
        if hidden:
            assert shown == (f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"), hex(number)
        elif character.isalnum() and shown != character:
            assert number in (0x115F, 0x1160, 0x3164, 0xFFA0), hex(number)


def test_emoji_keep_their_picture_without_the_selector() -> None:
    assert visible("✔️") == "✔"
