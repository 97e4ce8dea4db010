"""Every size, count and time that can come from outside has its maximum here, with the reason."""

KIB = 1024
MIB = 1024 * KIB

# Paper package
manifest_bytes_max = 8 * MIB  # 22,000 members of 160 bytes each, in base64, with room to spare
read_chunk_bytes = 1 * MIB  # so much of a package is in memory while it is verified
member_bytes_max = 64 * MIB  # one form; a kiosk holds it in memory
package_forms_max = 20_000
package_images_max = 2_000
package_id_chars_max = 64  # exam, sitting, paper: written on labels and in file names
package_title_chars_max = 200
scoring_note_chars_max = 2_000  # shown on the page with the rules
utc_ms_max = 253_402_300_799_999  # the end of the year 9999, where calendars of languages end
results_recipients_max = 16  # grading sites and their spare keys; more is a mistake
officials_min = 2  # the two-person rule
officials_max = 8  # a chief, deputies, and one for each shift; more is a list, not an office
root_keys_max = 8  # people at headquarters who may sign
signatures_max = 16  # a change of root has the signers of two; more is nonsense or an attack
envelope_rest_bytes_max = 16 * KIB  # an envelope without its payload: 16 signatures of 200 bytes
age_header_bytes_max = 16 * KIB  # 16 recipients are 2 KiB; age readers take seconds for 60
age_stanzas_max = 32  # each costs a key agreement; 16 recipients and what age adds as grease
note_chars_max = 16 * KIB  # a checkpoint has 350; sixteen signatures fit
scrypt_log_n = 18  # 256 MiB and about a second a guess; age's own default, and our maximum

# Results
results_manifest_bytes_max = 4 * MIB  # 5,000 candidates of 300 bytes, in base64

# Forms
form_items_max = 500  # the largest paper in the notices has 200
item_parts_max = 20
part_choices_min = 2
part_choices_max = 8
part_blanks_max = 10
stem_chars_max = 20_000  # a case with its material
item_images_max = 4  # above one stem or material
image_bytes_max = 4 * MIB
image_side_max = 8_192  # pixels
image_pixels_max = 16 * 1024 * 1024  # 64 MiB in a kiosk's memory once decoded
image_text_chars_max = 500  # what is read to who does not see the picture

# Responses
response_text_chars_max = 20_000  # ten pages of handwriting; the longest essays have 3,000
blank_text_chars_max = 500
journal_payload_bytes_max = 128 * KIB  # one response with its envelope
journal_frame_bytes_max = journal_payload_bytes_max + 256  # head, signature and tag: 112
journal_frames_max = 200_000  # two hours at 25 entries a second
recovery_misses_max = 20_000  # heads of frames with no good frame; beyond, no disk did it
recovery_missed_bytes = 8 * MIB  # length that such heads claim, beyond twice that of the file

session_segments_max = 200  # starts of one kiosk in one session; each leaves one journal file

# LAN protocol
message_bytes_max = 1 * MIB  # one batch of frames
save_frames_max = 256  # frames in one Save message
http_body_bytes_max = 64 * KIB  # log-in and enrolment
admission_number_chars_max = 32
id_number_chars = 18
room_code_digits = 6
join_code_digits = 8
login_tries_max = 5  # then the seat is locked until a proctor unlocks it
join_code_tries_max = 5
compare_digits = 6  # a person compares them; one chance in a million for who stands between
join_code_life_ms = 10 * 60_000
heartbeat_interval_ms = 10_000
telemetry_kind_chars_max = 32
telemetry_details_max = 8  # numbers in one report; it is a line, not a log
proof_steps_max = 24  # sixteen million acknowledgements in one commit
order_number_max = 2**53  # exact in every language; a million orders a second for 285 years

# Rooms
roster_candidates_max = 5_000
roster_bytes_max = 16 * MIB
seat_id_chars_max = 16  # what a sticker on a monitor and a page's map have room for
name_chars_max = 50  # the national standard for names in 少数民族 scripts needs it
office_xml_depth_max = 64  # a sheet nests ten deep, a drawing twenty
office_xml_attributes_max = 200  # names and values; a root element declares some twenty spaces
office_xml_tag_bytes_max = 256 * KIB  # a tag with every attribute that a spreadsheet program writes

# Time
duration_ms_max = 12 * 3_600_000  # a mistyped duration is found before the day
