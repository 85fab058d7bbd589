"""Where the records of a fleet are kept: this machine's folder, and a bucket if there is one."""

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.config.values import BucketRecords, Config, LocalRecords
from flowdeploy.records.store import ObjectStore


@dataclass(frozen=True, slots=True)
class RecordStores:
    """``machine`` has the runs of this machine; ``common`` has releases and locks.

    Where records are shared, ``common`` is a bucket and has the runs of all machines, too.
    """

    machine: ObjectStore
    common: ObjectStore
    are_shared: bool


def open_records(config: Config, clients: GoogleClients, home: Path) -> RecordStores:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    match config.records:
        case LocalRecords():
            return RecordStores(FolderStore(home), FolderStore(home / "records"), are_shared=False)
        case BucketRecords() as place:
            return RecordStores(FolderStore(home), clients.records(place), are_shared=True)
        case _:
            assert_never(config.records)
