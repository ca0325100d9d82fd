"""Traffic in: who asked, what was asked, what came back. The rim of HTTP, and nothing behind it."""
