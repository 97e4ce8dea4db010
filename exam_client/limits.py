"""Every size, count and time of the kiosk has its maximum here, with the reason."""

from exam_core.limits import MIB

# Files
config_bytes_max = 64 * 1024  # root, centre descriptor, kiosk.json: a few kilobytes each
package_bytes_max = 2048 * MIB  # a wrong file must not fill the disk
package_block_bytes = 1 * MIB  # so much of a download is in memory
sittings_remembered_max = 200  # whose highest sequence a kiosk keeps; a year of exams
resume_bytes_max = 16 * 1024  # one session's token, names and receipt
segment_bytes_max = 512 * MIB  # two hours at 25 large entries a second
segment_files_max = 1_000  # starts of one kiosk in one session; more is a crash loop

# Network; seconds, because the libraries want seconds
http_timeout_s = 10.0
package_timeout_s = 120.0  # a slow switch and 300 kiosks at once
open_timeout_s = 8.0
ping_interval_s = 5.0  # a pulled cable is noticed within ten seconds
ping_timeout_s = 5.0
close_timeout_s = 1.0
compare_pause_s = 30.0  # after staff said that the numbers differ: time to look for why
room_poll_s = 2.0  # until the session is attached
deliver_answer_s = 30  # a commit that waits for a busy disk; then the delivery begins anew
reconnect_first_s = 0.25
reconnect_most_s = 5.0  # security.md: jitter of 0 to 5 s against handshake storms

# The session
tick_ms = 200  # how late the end of time may be noticed here; the server's grace is 10 s
collect_pending_ms_max = 2_000  # a window that hangs must not stop the session from closing
restore_wait_ms_max = 5_000  # then the paper opens; late frames are merged when they come
evidence_interval_ms = 60_000  # the server's acknowledgements on disk; the exam needs none of it
submit_wait_ms_max = 5_000  # then the receipt is shown as closed here only
stop_wait_s = 10.0
restart_wait_s = 1.0  # after a mistake of ours: a pause, so that it does not spin
restart_wait_most_s = 30  # one that fails each time anew must not load the room with log-ins

# The journal
rewrite_interval_ms = 1_000  # after a failed write: how often a fresh file is tried
save_batch_bytes_max = 512 * 1024  # half of a message, so its envelope always fits
