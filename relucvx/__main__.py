"""``python -m relucvx`` is the command line."""

from relucvx.cli import main

if __name__ == "__main__":
    main()
