"""``python -m anode`` is the command ``anode``."""

import sys

from anode_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
