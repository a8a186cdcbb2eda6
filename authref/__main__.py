"""python -m authref"""

import sys


def main() -> int:
    """Run one command; its exit status."""
    try:
        from authref.cli import main as command

        return command()
    except KeyboardInterrupt:  # Ctrl-C, at whatever moment: no traceback, and the status that a shell expects
        return 130


if __name__ == "__main__":
    sys.exit(main())
