"""The kiosk: what a candidate at a seat sees and types, kept on disk and brought to the server.

`session`, `journal` and `sync` do the work without Qt; `app`, `ui` and `itemview` show it.
"""
