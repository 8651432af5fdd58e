"""`python -m tests.fuzz.one TARGET [libFuzzer options] [CORPUS or FILE…]`: one target."""

import sys

import atheris

with atheris.instrument_imports(include=["hw"]):
    from tests.fuzz.targets import TARGETS


def main(argv: list[str]) -> None:
    target = TARGETS[argv[1]]
    atheris.Setup([argv[0], *argv[2:]], lambda data: target(bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
