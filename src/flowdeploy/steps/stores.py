"""Where the records of a fleet are kept: this machine's folder, and a bucket if there is one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.config.values import BucketRecords, Config, LocalRecords
from flowdeploy.records.store import ObjectStore


@dataclass(frozen=True, slots=True)
class RecordStores:
    """``machine`` has the runs of this machine; `common` has releases and locks.

    Where records are shared, `common` is a bucket and has the runs of all machines, too.
    """

    machine: ObjectStore
    are_shared: bool
    open_common: Callable[[], ObjectStore]

    @property
    def common(self) -> ObjectStore:
        """Raises ServiceError where records are shared and there are no usable credentials."""
        return self.open_common()


def open_records(config: Config, clients: GoogleClients, home: Path) -> RecordStores:
    """No credentials are needed before `RecordStores.common` is."""
    machine = FolderStore(home)
    match config.records:
        case LocalRecords():
            common = FolderStore(home / "records")
            return RecordStores(machine, are_shared=False, open_common=lambda: common)
        case BucketRecords() as place:
            return RecordStores(
                machine, are_shared=True, open_common=partial(clients.records, place)
            )
        case _:
            assert_never(config.records)
