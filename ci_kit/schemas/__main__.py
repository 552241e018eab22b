"""Write the schema files."""

from ci_kit.schemas import FOLDER, published

for name, text in published().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
