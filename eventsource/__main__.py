"""``python -m eventsource``."""

from eventsource.cli import main

if __name__ == "__main__":
    main()
