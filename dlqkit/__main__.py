"""``python -m dlqkit``."""

from dlqkit.cli.main import main

if __name__ == "__main__":
    main()
