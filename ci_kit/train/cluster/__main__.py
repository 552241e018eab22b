"""`python -m ci_kit.train.cluster ORDER`: run one order on the cluster, and end as its command has ended."""

import sys

from ci_kit.train.cluster.client import main

sys.exit(main(sys.argv[1]))
