"""Where a recording lies: files of neutral rows, or Parquet files of the archive, told apart by their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apps.core.exceptions import PermanentError
from apps.opportunities.replay.rows import ENDINGS

PARQUET: Final = ".parquet"


@dataclass(frozen=True, slots=True)
class Source:
    """The files to read, all Parquet or all rows, and the names of those in the folder that are neither."""

    files: tuple[Path, ...]
    is_parquet: bool
    ignored: tuple[str, ...]


def source_of(given: Sequence[Path]) -> Source:
    """The files that are named, and all in the folders that are named, in the order of their names.

    Raises PermanentError where there is none, or where rows and Parquet files are mixed."""
    files: list[Path] = []
    ignored: list[str] = []
    for path in given:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            known = [one for one in inside if one.name.endswith((*ENDINGS, PARQUET))]
            if not known:
                wanted = ", ".join(f"*{ending}" for ending in (*ENDINGS, PARQUET))
                raise PermanentError(f"There is nothing to replay in {path}: no {wanted}.", code="nothing_there")
            files += known
            ignored += [one.name for one in inside if one not in known]
        elif path.is_file():
            files.append(path)
        else:
            raise PermanentError(f"{path} is not there.", code="nothing_there")
    parquet = [path.suffix == PARQUET for path in files]
    if any(parquet) and not all(parquet):
        raise PermanentError(
            "Rows and Parquet files can't be replayed together: name one or the other.", code="mixed_sources"
        )
    return Source(tuple(dict.fromkeys(files)), parquet[0], tuple(ignored))
