"""Make the seeds of a reader.

usage: python make_seeds.py READER FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import campaign


def main() -> None:
    campaign.prepare(sys.argv[1], Path(sys.argv[2]))


if __name__ == "__main__":
    main()
