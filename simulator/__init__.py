"""Kinesis and CloudWatch as their documentation describes them, on a virtual clock: for development only."""

import sys
from pathlib import Path

# The function's package, whose decision the simulator also asks without an AWS around it.
_FUNCTION = str(Path(__file__).resolve().parents[1] / "lambda")
if _FUNCTION not in sys.path:
    sys.path.append(_FUNCTION)
