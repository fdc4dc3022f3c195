"""The subcommands of ``ilrec demos``, one file each: what they take, and what they print."""
