"""Make the stand-in's packages importable, as they are inside their image."""

import sys
from pathlib import Path

STANDIN = Path(__file__).parents[3] / "lab" / "standin"
if str(STANDIN) not in sys.path:
    sys.path.append(str(STANDIN))
