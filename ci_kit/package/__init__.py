"""Package the model.

The parity gate, a bento that serves it strictly, its card, bill of materials and signature; and its registration.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="name", key="package.name", help="The name under which versions are registered."),
    Option(name="version", key="package.version", help="The version to register; default: the next minor one."),
    Option(name="store", key="package.store", help="Where the bytes are kept."),
    Option(name="build", help="Only build the bento: runs your code and needs no token."),
)
