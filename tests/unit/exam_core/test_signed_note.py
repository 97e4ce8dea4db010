"""Signed notes: the published example, and everything that is no note."""

import pytest

from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey, public_key_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.signed_note import note_key_id, open_note, sign_note

# Source: golang.org/x/mod/sumdb/note, the implementation that C2SP signed-note describes.
NAME = "PeterNeumann"
SEED = PrivateSigningKey("810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173")
PUBLIC = PublicSigningKey("1a5cd907143c384c41e830c5bce12aa8817ec5649aaabf2c31388b35b2d744d6")
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
NOTE = f"{TEXT}\n— {NAME} {SIGNATURE}\n"

OTHER = PrivateSigningKey("11" * 32)
LINE = NOTE.split("\n")[-2]
OTHER_LINE = sign_note(TEXT, name="other", key=OTHER).split("\n")[-2]


def test_the_published_note_is_ours() -> None:
    """The published key makes exactly the published note, and its key id."""
    assert public_key_of(SEED) == PUBLIC
    assert note_key_id(NAME, PUBLIC).hex() == "c74f20a3"
    assert sign_note(TEXT, name=NAME, key=SEED) == NOTE
    assert open_note(NOTE, name=NAME, key=PUBLIC) == TEXT


def test_empty_lines_belong_to_the_text() -> None:
    """The last empty line ends the text; others are part of it."""
    note = sign_note("a\n\nb\n", name=NAME, key=SEED)

    assert open_note(note, name=NAME, key=PUBLIC) == "a\n\nb\n"


def test_signatures_of_strangers_neither_count_nor_harm() -> None:
    """A note by two is the note of each; of a stranger alone it is nobody's."""
    both = f"{TEXT}\n{OTHER_LINE}\n{LINE}\n"

    assert open_note(both, name=NAME, key=PUBLIC) == TEXT
    assert open_note(both, name="other", key=public_key_of(OTHER)) == TEXT
    with pytest.raises(IntegrityError, match=r"note\.signature"):
        open_note(f"{TEXT}\n{OTHER_LINE}\n", name=NAME, key=PUBLIC)


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("answer", "Answer"),
        NOTE.replace("x08go/Z", "x08go/Y"),
        NOTE.replace("— PeterNeumann", "— Peter"),
        f"{TEXT}\n{LINE}\n{LINE.replace('ZJkuBS9', 'ZJkuBS8')}\n",
    ],
    ids=["text", "signature", "name", "one of two"],
)
def test_a_signature_that_does_not_hold_refuses_all(note: str) -> None:
    """One changed character in text, signature or name, and nothing is returned."""
    with pytest.raises(IntegrityError) as caught:
        open_note(note, name=NAME, key=PUBLIC)

    assert caught.value.code == "note.signature"


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"\n\n{LINE}\n",
        f"{TEXT}\n",
        f"{TEXT}\n{LINE}",
        f"{TEXT}\n{LINE} \n",
        f"{TEXT}\r\n{LINE}\n",
        f"{TEXT}\n{LINE.replace('— ', '- ')}\n",
        f"{TEXT}\n— {SIGNATURE}\n",
        f"{TEXT}\n— Peter+Neumann {SIGNATURE}\n",
        f"{TEXT}\n— {NAME} {SIGNATURE[:-1]}\n",
        f"{TEXT}\n— {NAME} {SIGNATURE[:-2]}N=\n",
        f"{TEXT}\n— {NAME} x08gow==\n",
        f"{TEXT}\n" + f"{LINE}\n" * 17,
        "\udcff" + NOTE,
        "x" * 20_000 + NOTE,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    """Each rule of the form is held; there is one spelling of a note."""
    with pytest.raises(InputError) as caught:
        open_note(note, name=NAME, key=PUBLIC)

    assert caught.value.code == "note.malformed"


@pytest.mark.parametrize(("text", "name"), [("a", "n"), ("\n", "n"), ("a\n", "n m"), ("a\n", "")])
def test_only_a_text_can_be_signed(text: str, name: str) -> None:
    """A text without its last line feed, or a name with a space, is a mistake of the caller."""
    with pytest.raises(ValueError, match="signed note"):
        sign_note(text, name=name, key=SEED)
