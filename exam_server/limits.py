"""Every size, count and time of the server that could run away has a limit, with its reason."""

from exam_core.limits import KIB, MIB, heartbeat_interval_ms

# People
account_name_chars_max = 32
password_chars_min = 12  # NIST SP 800-63B asks 15 without a second factor; a room has two people
password_bytes_max = 1024  # Argon2id reads all of it
throttle_free_fails = 5  # typing errors cost nothing
throttle_wait_ms_min = 1_000  # doubled by every further failure
throttle_wait_ms_max = 15 * 60_000  # never a permanent lock on the day of the exam
throttle_entries_max = 10_000  # names tried by a guesser
browser_session_idle_ms_max = 30 * 60_000  # whoever watches the seat map is active
browser_session_life_ms_max = 10 * 3_600_000  # one working day
browser_sessions_max = 2_000
pair_request_life_ms = 10 * 60_000  # between who asks and who confirms
pair_requests_max = 50  # nobody waits for more; a script gone wild would
password_checks_at_once_max = 2  # 64 MiB each

# Pages
page_body_bytes_max = 1 * MIB  # a form with an opening key file
form_fields_max = 50
journal_file_bytes_max = 64 * MIB  # two hours at one answer a second are 2 MiB, essays 20 MiB
journal_upload_bytes_max = 128 * MIB  # one request; what is beyond comes in a second one
journal_upload_files_max = 50
opening_key_bytes_max = 64 * KIB
audit_lines_shown_max = 500
event_interval_ms = 500  # between two patches of the seat map

# Files
audit_line_bytes_max = 64 * KIB
log_line_candidates_max = 1_000  # numbers in one line: 33 KB of the 64
audit_log_bytes_max = 64 * MIB  # a day of 5,000 candidates writes 20 MiB
checkpoints_bytes_max = 4 * MIB  # a month of one every 5 minutes, of 400 bytes each
config_bytes_max = 64 * KIB
assignment_bytes_max = 4 * MIB  # 5,000 rows of 200 bytes, in base64
root_bytes_max = 1 * MIB
machine_list_bytes_max = 1 * MIB  # 60,000 rooms made on one machine
passphrase_chars_min = 12
package_bytes_max = 2_048 * MIB  # 20,000 forms of 100 kB
opening_bundle_bytes_max = 16 * MIB
roster_unpacked_bytes_max = 12 * MIB  # 5,000 candidates unpack to 3 MiB; more is a zip bomb
roster_elements_max = 400_000  # of XML: 5,000 rows of 8 cells are 120,000; openpyxl takes 1 s
roster_members_max = 500  # a workbook has about ten, each theme or picture one more
roster_rows_max = 50_000  # with the empty rows that spreadsheet programs leave behind
roster_columns_max = 50  # ours and an association's remarks

progress_bytes_min = 32 * MIB  # a smaller file is verified before a bar could be read

# The room
opening_key_life_ms = 10 * 60_000  # between the first person's key and the second person's code
connection_silence_ms_max = 3 * heartbeat_interval_ms  # three missed heartbeats: the seat is gone
attach_wait_ms_max = 10_000  # a connection that does not say who it is
grace_ms = 10_000  # after time is up, for frames in flight
clock_persist_interval_ms = 1_000
return_wait_ms = 60_000  # after a start: 5,000 kiosks are back in 30 s, with their hand-ins
absence_told_ms_min = 10_000  # shorter ones cost nobody anything: kiosks go on alone
# Work on the database in one group of changes; saves wait for it. With two syncs of 10 ms (log
# and database) on a hard disk a save still goes through within 50 ms.
group_work_ms_max = 10
swaps_alone_max = 3  # machine swaps of a sitting by one person; broken machines are rare
spare_seats_max = 500
comparisons_max = 500  # one a seat, and the largest rooms have 300
# Comparisons begun in ten minutes. Each is one number of a million for who stands between, also
# if it is abandoned: ten are 10 x 10**-6 = 10**-5 for a seat. A person needs one or two.
comparisons_seat_max = 10
comparisons_room_max = 600  # the largest room twice; 6 x 10**-4 if every seat compares at once
reason_chars_max = 100  # a sentence; a form field of the pages has the same
checkpoint_interval_ms = 5 * 60_000  # what the log's owner could still rewrite unseen
extra_time_ms_max = 2 * 3_600_000  # one grant; more is a typing error
message_pieces_max = 64  # RFC 6455 lets a message come in empty pieces for ever
outgoing_bytes_max = 64 * MIB  # that a kiosk leaves unread; a swap brings a whole session at once
unwritten_bytes_max = 2 * MIB  # of one connection; then only that one waits for the disk
telemetry_pace = (10, 0.2)  # reports of a seat: a burst after a bad line, then one in 5 s
telemetry_bytes_max = 4 * MIB  # of one file; with the earlier ones 16 MiB a room
telemetry_files_max = 4
telemetry_waiting_max = 2_000  # reports of one second; a room of 1,000 kiosks that come back
telemetry_busy_rows = 2_000  # answers that wait for the disk; then reports are dropped
save_queue_rows_max = 100_000  # then nothing is read from kiosks, instead of filling memory
save_queue_bytes_max = 64 * MIB  # the same; 5,000 hand-ins of 8 kB are 40 MiB
commit_rows_max = 4_000  # of one transaction: 40 ms, then others get the database, kiosks answers
commit_bytes_max = 8 * MIB  # the same, with essays
signature_check_frames = 500  # of one segment, then at once: a search back costs 0.1 ms each
evidence_frames_max = 500  # refused frames kept aside; a broken kiosk repeats itself
evidence_segment_max = 50  # of one segment: a kiosk that lies leaves room for others
evidence_bytes_max = 16 * MIB
catching_up_frames = 20  # checked in one go in the event loop: 2 ms
catching_up_pause_s = 0.004  # between, so that a third of one core goes into it: 5,000 sessions of
# 1,000 frames take half an hour, and who needs an answer sooner is put first
catching_up_retry_s = 1.0  # after the database could not be read
digests_kept = 16  # of a segment's frames on disk, up to twice as many: 1 KiB
unchecked_frames_max = 40_000  # of one session while the paper is shut; two hours have 10,000
unchecked_bytes_max = 64 * MIB  # the same, if each second brought a long essay anew
frames_unplaced_max = 25_000  # rows that a start scans in 0.1 s; each time 5,000 places are written
log_bytes_idle = 4 * MIB  # of SQLite's log: copied in 5 ms and two syncs, when nothing waits
log_bytes_max = 64 * MIB  # then it is copied whatever waits; 5,000 hand-ins have 40 MiB
backup_log_bytes_max = 128 * MIB  # of the log while a backup copies; then that is given up
backup_ms_max = 30 * 60_000  # the same: a stick that is as slow helps nobody
backup_look_s = 1  # between two looks at both
backup_message_bytes_max = 4 * KIB  # what the two programs say to each other
backup_manifest_bytes_max = 4 * MIB  # 10,000 files
restore_boots = 1_000  # starts that kiosks may have seen since the backup was made
commit_overhead_bytes = 8 * KIB  # pages of the log that hold other rows, too
frames_read_max = 200  # rows read while the writer waits for the database: 2 ms, 8 on a busy disk
restore_bytes_max = 512 * KIB  # frames in one Restore message
alarms_shown_max = 100

# The disk
# 500 kiosks save 100 answers of 500 bytes a second: 256 MiB last 85 minutes; 5,000 have nine, in
# which somebody must act.
reserve_mib_default = 256
reserve_mib_max = 16 * 1024
reserve_low_times = 2  # less than two reserves free beside it: time to look, nothing happens yet
reserve_released_share = 8  # given back below an eighth of it: a burst must not find the disk full
reserve_full_share = 64  # without it, below this share nothing is promised: one commit takes 2 MiB
disk_check_interval_ms = 1_000  # a burst of 5,000 submissions writes 20 MiB, less than an eighth
disk_rate_window_ms = 60_000  # short enough to follow the sitting, long enough for pauses
certificate_days = 400  # the exam season; kiosks do not check time, browsers do
csr_bytes_max = 8 * KIB

told_at_once = 20  # kiosks, 2 ms of signing; then whatever else waits has its turn
seats_viewed_at_once = 50  # of the seat map, 1 ms
looked_at_once = 500  # sessions, 1 ms of the tick
prepared_at_once = 4  # seats whose resume recipients are derived, 2 ms

# Connections; seconds, because the loop wants seconds
accepts_at_once_max = 64  # then the loop turns to those who are served already
first_byte_wait_s = 10.0  # a TLS client speaks first; five losses in a row take 6 s
turn_wait_s = 30.0  # for those of its own address; 5,000 kiosks behind one are through in 10
handshake_wait_s = 10.0  # two round trips, with losses as above
handshakes_max = 256  # under way in all; more make none faster, and each holds 30 kB
handshakes_address_max = 64  # under way of one address, so that four cannot hold all
arriving_max = 4_096  # not through TLS yet; beyond, the address with most of them loses its newest
strikes_max = 20  # of an address in `strike_life_s`: broken handshakes, too much, too fast
strike_life_s = 60.0
suspect_interval_s = 0.2  # between two handshakes of an address with so many strikes
addresses_max = 10_000  # remembered
connections_certificate_max = 8  # of one kiosk: a WebSocket, two requests, and dead ones of before
connections_address_max = 100  # at the console port: six a browser, behind one address a few
connections_max = 12_000  # in all at one port; the file descriptors that a service has are 20,000
descriptor_wait_s = 0.2  # when there is no file descriptor left

# Requests
request_head_bytes_max = 16 * KIB  # ours have 1 KiB, a browser's with cookies 4
request_headers_max = 100
request_head_wait_s = 10.0
request_body_wait_s = 30.0  # and more for what has come already
request_body_bytes_s_min = 128 * KIB  # journal files of a machine: 128 MiB through a slow switch
answer_stall_s = 30.0  # of which a peer reads nothing: 64 KiB wait for it
# How many requests at once, and how many a second after that
seat_pace = (100, 10.0)  # HTTP and WebSockets of a kiosk; it asks every 2 s, and less by far later
enrol_pace = (100, 10.0)  # of one address; a kiosk that waits for staff asks once a second
compare_pace = (60, 0.1)  # comparisons begun from one address: a few seats are set up through it
sign_in_pace = (50, 2.0)  # of one address; each costs 64 MiB and 0.2 s of one of two threads
refusals_pace = (100, 2.0)  # refused messages of a seat; a broken segment is refused once a second
messages_pace = (100, 10.0)  # of a seat, without answers: a heartbeat each 10 s, a few stages
attack_signs_pace = (20, 0.2)  # refusals of one kind and address until the proctor is told
paced_max = 20_000  # seats and addresses remembered
pipelined_max = 16  # requests of one connection that wait for their turn

# The loop gives the interpreter's lock away with each system call, and a thread that computes
# gives it back only after this time: Python's own 5 ms at each step made saves ten times as slow.
thread_switch_s = 0.0005

# Stopping
stop_wait_s = 5  # for open requests at SIGTERM

# The database
database_silence_s_max = 10  # a dead PostgreSQL, or for it a dead server; a LAN answers in 10 ms
fenced_notice_s = 3  # the pages fetch their state every half second, then keep showing it

# Workers
workers_max = 8  # one fewer than cores; a room of 5,000 needs two
worker_message_bytes_max = 4 * MIB  # a message of a kiosk has at most 2 MiB
relayed_events_max = 16  # of a connection, in each direction, not yet handled
worker_start_wait_s = 30.0
worker_pause_s = 1.0  # before a worker that ended is started again
listen_backlog = 2048
