"""Deploy a version.

Start it beside the running one, test it there, switch, watch, and keep it or switch back.
"""

from ci_kit.options import Option

OPTIONS = (
    Option(name="target", key="deploy.target", help="The target to deploy to; default: the only one.", bare=True),
    Option(name="model", key="package.name", help="The name under which versions are registered."),
    Option(name="version", key="deploy.version", help="The registered version; default: the newest."),
    Option(name="image", key="deploy.image", help="The version's image by its digest, where containers run."),
    Option(name="breaking", key="deploy.breaking", help="Whether the API may break for clients: true or false."),
    Option(name="status", help="Show what serves at the target, and whether a deployment was cut off.", verb=True),
    Option(name="rollback", help="Switch back to the version before.", verb=True),
    Option(name="stop", help="Take the target out of service: its instances finish their requests.", verb=True),
)

EXAMPLES = (
    "ci-kit deploy production  # the newest version",
    "ci-kit deploy production --version v1.2.0",
    "ci-kit deploy rollback",
)
