"""How does a drawn paper leave headquarters? Signed by two, sealed, and printed.

Keys are made and read here; what is written is whole or not there at all.
"""

from paper_builder.publish.keys import (
    HeadquartersKeys,
    SigningKeyFile,
    make_headquarters_keys,
    read_key_file,
    read_root,
    read_signing_key,
    rotate_headquarters_keys,
    write_headquarters_keys,
)
from paper_builder.publish.print_answers import answers_pdf
from paper_builder.publish.print_paper import PrintOptions, paper_pdf
from paper_builder.publish.seal import (
    CentreOrder,
    SealedPaper,
    seal_paper,
    share_forms,
    sign_centre_file,
    write_codes,
    write_sealed,
)

__all__ = [
    "CentreOrder",
    "HeadquartersKeys",
    "PrintOptions",
    "SealedPaper",
    "SigningKeyFile",
    "answers_pdf",
    "make_headquarters_keys",
    "paper_pdf",
    "read_key_file",
    "read_root",
    "read_signing_key",
    "rotate_headquarters_keys",
    "seal_paper",
    "share_forms",
    "sign_centre_file",
    "write_codes",
    "write_headquarters_keys",
    "write_sealed",
]
