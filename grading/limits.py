"""Every size and count that can reach grading from outside has its maximum here, with reason."""

from exam_core.limits import MIB

archive_bytes_max = 512 * MIB  # 5,000 candidates x 200 parts x 500 bytes; read in one piece
archive_centres_max = 1_000  # every county-level centre of the largest province, several times over
archive_sessions_max = 50_000  # ten rooms' worth of the largest roster
archive_marks_max = 2_000_000  # 50,000 sessions x 20 marked parts x 2 rows
archive_title_chars_max = 200  # two lines on the printed list
receipt_chars_max = 128  # what a candidate can be asked to copy down, and a digest in hex
working_ms_max = 24 * 3_600_000  # the longest duration with every accommodation

marker_id_chars_max = 64
mark_comment_chars_max = 500  # a few sentences beside a response
mark_reason_chars_max = 500

tie_breaks_max = 12  # six types, a handful of domains, the time
team_best_n_max = 100
cut_lines_max = 50  # honours and prizes of one notice
cut_line_name_chars_max = 50

small_file_bytes_max = 64 * 1024  # a root, an identity, the readings of a photograph
trace_readings_max = 200  # every item of the largest paper
trace_forms_shown_max = 20  # more than a person compares
trace_items_shown_max = 20
trace_stem_chars_shown = 40
