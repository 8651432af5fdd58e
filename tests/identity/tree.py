"""Files below a directory, laid out as the kernel lays them out."""

import os
from pathlib import Path

DMI = "/sys/class/dmi/id/product_serial"
DEVICE_TREE = "/sys/firmware/devicetree/base/serial-number"


def put(root: Path, path: str, content: bytes) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def link(root: Path, path: str, target: str) -> None:
    """A link to a directory, which is made."""
    there, here = root / target.lstrip("/"), root / path.lstrip("/")
    there.mkdir(parents=True, exist_ok=True)
    here.parent.mkdir(parents=True, exist_ok=True)
    here.symlink_to(os.path.relpath(there, here.parent))


def interface(
    root: Path,
    name: str,
    address: str,
    *,
    index: int = 2,
    assigned: str = "0",
    device: str | None = "/sys/devices/pci0000:00/0000:00:1f.6",
    kind: int = 1,
) -> None:
    """A network interface. `device` None: nothing of its own, as a bridge."""
    folder = f"/sys/class/net/{name}"
    put(root, f"{folder}/address", f"{address}\n".encode())
    put(root, f"{folder}/ifindex", f"{index}\n".encode())
    put(root, f"{folder}/type", f"{kind}\n".encode())
    put(root, f"{folder}/addr_assign_type", f"{assigned}\n".encode())
    if device is not None:
        link(root, f"{folder}/device", device)
