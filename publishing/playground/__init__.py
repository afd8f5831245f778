"""The playground: two networks that train in the reader's browser."""

from pathlib import Path

FOLDER = Path(__file__).parent
