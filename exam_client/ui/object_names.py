"""Stable object names, for tests and for the demo that drives the real windows.

Item widgets carry the identifiers of the form: `item_<item_id>`, `part_<part_id>`,
`choice_<choice_id>`, `blank_<part_id>_<n>` (n from 1), `text_<part_id>` and
`counter_<part_id>`. Numbers in the navigator are `navigator_<n>`, in the submit check
`check_unanswered_<n>`, `check_partial_<n>` and `check_flagged_<n>` (n from 1).
"""

WINDOW = "kiosk_window"

# Screens; the name of each is `screen_` and the value of exam_client.session.Screen
SCREEN_STARTING = "screen_starting"
SCREEN_NOT_ENROLLED = "screen_not_enrolled"
SCREEN_LOG_IN = "screen_log_in"
SCREEN_RESUME_CODE = "screen_resume_code"
SCREEN_CONFIRM = "screen_confirm"
SCREEN_RULES = "screen_rules"
SCREEN_WAITING = "screen_waiting"
SCREEN_PAPER = "screen_paper"
SCREEN_SUBMITTING = "screen_submitting"
SCREEN_RECEIPT = "screen_receipt"
SCREEN_PROBLEM = "screen_problem"

ENROL_NUMBER = "enrol_number"

# Log-in
LOG_IN_SEAT = "log_in_seat"
LOG_IN_ADMISSION_NUMBER = "log_in_admission_number"
LOG_IN_ID_NUMBER = "log_in_id_number"
LOG_IN_ROOM_CODE = "log_in_room_code"
LOG_IN_BUTTON = "log_in_button"
LOG_IN_REFUSAL = "log_in_refusal"
LOG_IN_RETRY = "log_in_retry"

# Resume code; its groups have the names of `resume_code_group`
RESUME_CODE_REQUEST = "resume_code_request"
RESUME_CODE_HINT = "resume_code_hint"
RESUME_CODE_REFUSAL = "resume_code_refusal"
RESUME_CODE_BUTTON = "resume_code_button"

# Confirm, rules, waiting
CONFIRM_YES = "confirm_yes"
CONFIRM_NO = "confirm_no"
RULES_TEXT = "rules_text"
RULES_READ = "rules_read"
WAITING_STATE = "waiting_state"

# Paper
PAPER_HEADER = "paper_header"
PAPER_TIME_LEFT = "paper_time_left"
PAPER_SAVED = "paper_saved"
PAPER_CONNECTION = "paper_connection"
PAPER_ALARM = "paper_alarm"
PAPER_FOOTER = "paper_footer"
PAPER_PREVIOUS = "paper_previous"
PAPER_NEXT = "paper_next"
PAPER_FLAG = "paper_flag"
PAPER_FONT_SMALLER = "paper_font_smaller"
PAPER_FONT_LARGER = "paper_font_larger"
PAPER_SUBMIT = "paper_submit"
PAPER_PAUSED = "paper_paused"
NAVIGATOR = "navigator"

# Submit and receipt
CHECK = "submit_check"
CHECK_BACK = "check_back"
CHECK_SUBMIT = "check_submit"
CHECK_REALLY = "check_really"
CHECK_NOT_YET = "check_not_yet"
RECEIPT_TEXT = "receipt_text"
RECEIPT_STATE = "receipt_state"
PROBLEM_TEXT = "screen_problem_text"


def resume_code_group(number: int) -> str:
    """The field for one group of the resume code, counted from 1."""
    return f"resume_code_group_{number}"
