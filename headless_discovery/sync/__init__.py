"""The thread shell: performs what the core decided with sockets and ``poll``."""
