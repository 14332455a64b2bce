"""The asyncio shell: performs what the core decided on the running event loop."""
