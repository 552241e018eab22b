"""Write the schema files, and the configuration reference where its folder is."""

from ci_kit.schemas import FOLDER, published
from ci_kit.schemas.reference import PAGE, reference

for name, text in published().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
if PAGE.parent.is_dir():
    PAGE.write_text(reference(), encoding="utf-8")
