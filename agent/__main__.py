"""`pos-agent`: hands over to the command line, by the shortest way where a payment waits for it."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["token"]:  # a script may call it for every payment: argparse costs 10 ms
        from agent.supply.quick import main as token

        return token(words[1:])
    if words[:1] == ["run"] and words[1:2] == ["--config"] and len(words) == 3:
        from agent.start import start  # as the unit says it: what is imported now stays for good

        return start(words[2])
    from agent.cli import main as command

    return command(words)


if __name__ == "__main__":
    sys.exit(main())
