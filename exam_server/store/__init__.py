"""What the server's programs keep in their databases; the only place for SQL.

`engine` opens a database, `accounts`, `room` and `marking` hold tables and queries, `migrations`
brings a database to the present version.
"""
