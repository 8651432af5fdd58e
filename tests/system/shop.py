"""What stands around the terminal in the shop, run inside the container by its own Python:

shop.py serve      the authorization server, and the customer display at /dev/pos/display
shop.py approve    a person: reads the code off the glass, approves it in the portal
"""

import grp
import os
import sys
import threading
import time

from agent.demo.person import Merchant, read_code
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from hw.display.emulator.terminal import EmulatedTerminal

PORT = 8765
GLASS = "/run/shop/glass"
LINK = "/dev/pos/display"
DEVICE = "/vendor/acme/serial/SN-4711"
MERCHANT = Options().merchants[0]


def serve() -> None:
    os.makedirs(os.path.dirname(LINK), exist_ok=True)
    os.makedirs(os.path.dirname(GLASS), exist_ok=True)
    options = Options(interval=1)
    with (
        EmulatedTerminal(2, 20, "escpos", link=LINK) as display,
        SandboxServer(options=options, port=PORT, state_file="/run/shop/state.json"),
    ):
        # As the udev rule would leave it.
        os.chown(LINK, -1, grp.getgrnam("pos-display").gr_gid)
        os.chmod(LINK, 0o660)
        while not threading.Event().wait(0.05):
            with open(GLASS + ".new", "w", encoding="utf-8") as file:
                file.write("\n".join(display.cells()))
            os.rename(GLASS + ".new", GLASS)


def approve() -> None:
    merchant = Merchant(f"http://127.0.0.1:{PORT}/portal")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with open(GLASS, encoding="utf-8") as file:
            code = read_code(file.read().split("\n"))
        if code and merchant.approve(device=DEVICE, code=code, merchant=MERCHANT):
            return
        time.sleep(0.1)
    sys.exit("no code on the glass that the portal takes")


if __name__ == "__main__":
    {"serve": serve, "approve": approve}[sys.argv[1]]()
