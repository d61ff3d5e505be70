"""What lies on disk, whoever writes it: checksums, places that may be written, whole writes, locks."""

from synthstim.files.checksums import sha256_of
from synthstim.files.lock import Holder, locked, read_holder
from synthstim.files.places import require_absent, require_folder, require_parent, require_replaceable
from synthstim.files.staging import Staging, require_ours
from synthstim.files.whole import write_whole, written_whole

__all__ = [
    "Holder",
    "Staging",
    "locked",
    "read_holder",
    "require_absent",
    "require_folder",
    "require_ours",
    "require_parent",
    "require_replaceable",
    "sha256_of",
    "write_whole",
    "written_whole",
]
