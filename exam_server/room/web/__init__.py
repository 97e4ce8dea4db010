"""The room's web side: the kiosk's API and the pages of proctors, openers and staff."""
