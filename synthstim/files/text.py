"""The bytes of the text files that the package writes: JSON that people can read, and tables with tabs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MISSING = "n/a"


def as_json(content: Any) -> bytes:
    """Data as JSON.

    >>> as_json({"µ": 1})
    b'{\\n  "\\xc2\\xb5": 1\\n}\\n'
    """
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def as_tsv(table: pd.DataFrame, **options: Any) -> bytes:
    """A table as tab-separated text, ``n/a`` for what is missing; further options are those of ``DataFrame.to_csv``."""
    return str(table.to_csv(sep="\t", index=False, lineterminator="\n", na_rep=MISSING, **options)).encode()
