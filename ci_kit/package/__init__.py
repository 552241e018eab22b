"""Package the model.

The parity gate, a bento that serves it strictly, its card, bill of materials and signature; and its registration.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="model", key="package.name", help="The name under which versions are registered."),
    Option(name="version", key="package.version", help="The version to register; default: the next minor one."),
    Option(name="store", key="package.store", help="Where the bytes are kept."),
    Option(name="bento", key="package.bento", help="The bento to register or to verify; default: what was built last."),
    Option(name="build", help="Only build the bento: runs your code and needs no token."),
    Option(name="register", help="Only register what was built: holds the token and runs none of your code."),
    Option(
        name="verify", help="Check a bento, or a registered version: its files, its digest, its signature.", verb=True
    ),
    Option(name="list", help="Show the registered versions and their stages.", verb=True),
)

EXAMPLES = (
    "ci-kit package",
    "ci-kit package list",
    "ci-kit package verify --version v1.2.0",
)
