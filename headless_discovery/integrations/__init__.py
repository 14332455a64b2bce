"""Integrations: where the clients people already use let somebody say whom they connect to.

One module a client library, named like it and like the extra that installs it. Nothing here
is imported unless it is asked for, and no private attribute of a client is touched.
"""
