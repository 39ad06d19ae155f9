"""Real servers for tests: each starts on free ports in a folder, is waited for, and is stopped.

What they need is downloaded by ``python -m tests.services install`` into one folder (``EVENTSOURCE_SERVICES``).
"""
