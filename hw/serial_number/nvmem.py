"""A field of a memory the kernel knows: fuses of the SoC, an EEPROM with a driver."""

import os
from typing import Final

from hw.contract import HardwareError, NvmemPlace, Reading
from hw.serial_number.files import ABSENT, credential, under
from hw.serial_number.memory import decode, size

CREDENTIAL: Final = "nvmem"


class Nvmem:
    """`/sys/bus/nvmem/devices/<device>/nvmem`, root's alone; or the whole of it as the systemd
    credential `nvmem`."""

    name = "nvmem"

    def __init__(
        self, *, place: NvmemPlace, root: str = "/", credentials_directory: str | None = None
    ) -> None:
        self._place = place
        self._path = f"/sys/bus/nvmem/devices/{place.device}/nvmem"
        self._root = root
        self._credentials_directory = credentials_directory

    def read(self) -> Reading | None:
        field = self._place.field
        whole = credential(CREDENTIAL, self._credentials_directory)
        if whole is not None:
            source, raw = f"the credential {CREDENTIAL}", whole[field.offset :][: size(field)]
        else:
            source, found = self._path, self._from_sysfs()
            if found is None:
                return None
            raw = found
        try:
            decoded = decode(raw, field)
        except HardwareError as error:
            raise HardwareError(f"{source}: {error}") from error
        return Reading(source=source, value=decoded.value, refused=decoded.refused)

    def _from_sysfs(self) -> bytes | None:
        field = self._place.field
        try:
            fd = os.open(under(self._root, self._path), os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(fd, size(field), field.offset)
            finally:
                os.close(fd)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise HardwareError(
                f"{self._path} cannot be read ({error.strerror}): run as root, or give the service"
                f" LoadCredential={CREDENTIAL}:{self._path}"
            ) from error
