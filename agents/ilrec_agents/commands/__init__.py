"""The subcommands of ``ilrec`` that this package brings."""
