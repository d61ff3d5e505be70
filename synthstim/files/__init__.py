"""What lies on disk, whoever writes it: checksums, places that may be written, whole writes, locks."""

from synthstim.files.cache import cache_folder
from synthstim.files.checksums import SUMS, files_below, read_sums, sha256_of, write_sums
from synthstim.files.lock import Holder, locked, read_holder
from synthstim.files.places import REPORT, is_there, require_absent, require_folder, require_parent, require_replaceable
from synthstim.files.staging import Staging, require_new_folder, require_ours
from synthstim.files.text import MISSING, as_json, as_tsv
from synthstim.files.whole import remove, write_whole, written_whole

__all__ = [
    "MISSING",
    "REPORT",
    "SUMS",
    "Holder",
    "Staging",
    "as_json",
    "as_tsv",
    "cache_folder",
    "files_below",
    "is_there",
    "locked",
    "read_holder",
    "read_sums",
    "remove",
    "require_absent",
    "require_folder",
    "require_new_folder",
    "require_ours",
    "require_parent",
    "require_replaceable",
    "sha256_of",
    "write_sums",
    "write_whole",
    "written_whole",
]
