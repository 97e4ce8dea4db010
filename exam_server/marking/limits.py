"""Every size and time of the grading site that can come from outside, with the reason."""

from exam_core.limits import MIB

key_package_bytes_max = 512 * MIB  # 20,000 forms x 100 items, each with its map of choices
results_bytes_max = 1_024 * MIB  # 5,000 candidates x 200 kB of journal
identity_bytes_max = 4 * 1024  # one line with two of comment
centre_bytes_max = 64 * 1024
policy_bytes_max = 64 * 1024
room_status_bytes_max = 64 * 1024

claim_life_ms = 10 * 60_000  # a case takes five minutes; a marker at lunch gives it back
recent_marks_shown_max = 12  # one screen
