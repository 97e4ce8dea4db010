"""Faults that people have really made, each a few lines, each with the tests that notice it."""

from typing import NamedTuple


class Fault(NamedTuple):
    """In the source of `module`, `old` (which stands there once) becomes `new`.

    `tests` are what is run; at least one of them must turn red.
    """

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


_CORE = "tests/unit/exam_core/"
_CLIENT = "tests/unit/exam_client/"
_ROOM = "tests/unit/exam_server/"
_STORAGE = "tests/fault/server/test_storage_failure.py::"

FAULTS = (
    Fault(
        "one signer is enough",
        "exam_core.formats.dsse",
        "if len(signers) < threshold:",
        "if not signers:",
        (_CORE + "test_dsse.py",),
    ),
    Fault(
        "the same signer counts twice",
        "exam_core.formats.dsse",
        "if signature.keyid in signers:",
        "if False:",
        (_CORE + "test_dsse.py",),
    ),
    Fault(
        "signatures are not verified",
        "exam_core.crypto.signing",
        "_public(key).verify(signature, message)",
        "_public(key)",
        (_CORE + "test_dsse.py",),
    ),
    Fault(
        "the payload type is not compared",
        "exam_core.formats.dsse",
        "if envelope.payload_type != payload_type:",
        "if False:",
        (_CORE + "test_dsse.py", _CORE + "test_paper_package.py"),
    ),
    Fault(
        "a member's digest is not compared",
        "exam_core.formats.paper_package",
        "if digest.hexdigest() != member.sha256:",
        "if False:",
        (_CORE + "test_paper_package.py",),
    ),
    Fault(
        "another form is taken for the candidate's",
        "exam_core.formats.paper_package",
        "if (form.paper_id, form.form_number) != (paper_id, form_number):",
        "if False:",
        (_CORE + "test_paper_package.py",),
    ),
    Fault(
        "a lower sequence replaces the package",
        "exam_server.room.services.imports",
        "if manifest.sequence < row.sequence:",
        "if False:",
        (_ROOM + "test_imports.py",),
    ),
    Fault(
        "nonces repeat",
        "exam_core.formats.journal",
        'return seq.to_bytes(12, "big")',
        "return bytes(12)",
        (_CORE + "test_vectors.py::test_vector[response-journal/v1/good-whole.bin]",),
    ),
    Fault(
        "the chain is not followed",
        "exam_core.formats.journal",
        "if frame_sequence(frame) != seq or opened.head != head:",
        "if False:",
        (_CORE + "test_journal.py",),
    ),
    Fault(
        "frames need no kiosk's signature",
        "exam_core.formats.journal",
        "return signature_holds(message, opened.signature, kiosk_key)",
        "return True",
        (_CORE + "test_journal.py", _CORE + "test_journal_reading.py"),
    ),
    Fault(
        "the kiosk says kept before the disk has it",
        "exam_client.journal.segment_file",
        "            self._file.sync()\n",
        "",
        (_CLIENT + "test_segment_file.py",),
    ),
    Fault(
        "the room acknowledges what only the page cache has",
        "exam_server.store.engine",
        '"synchronous=FULL",',
        '"synchronous=OFF",',
        (_ROOM + "test_store.py",),
    ),
    Fault(
        "the code is drawn with bias",
        "exam_core.crypto.opening_code",
        "secrets.randbelow(NUMBERS)",
        "secrets.randbits(80) % NUMBERS",
        (_CORE + "test_opening_code.py",),
    ),
    Fault(
        "the draw reduces words modulo the bound",
        "paper_builder.assembly.rng",
        "while (word := self.word()) >= limit:",
        "while (word := self.word()) >= _WORD_RANGE:",
        ("tests/unit/paper_builder/test_rng.py",),
    ),
    Fault(
        "check digits are not checked",
        "exam_core.crypto.opening_code",
        "and is_digits and _damm(group) == 0",
        "and is_digits",
        (_CORE + "test_opening_code.py",),
    ),
    Fault(
        "an order is obeyed twice",
        "exam_core.protocol.orders",
        "if order.mark <= last:",
        "if False:",
        (_CORE + "test_orders.py",),
    ),
    Fault(
        "an order needs no signature",
        "exam_core.protocol.orders",
        "if not signature_holds(_LABEL + message.order, message.signature, key):",
        "if False:",
        (_CORE + "test_orders.py",),
    ),
    Fault(
        "a checkpoint needs no signature",
        "exam_core.formats.signed_note",
        "if not found or not all(signature_holds(text.encode(), one, key) for one in found):",
        "if not found:",
        (_CORE + "test_signed_note.py", _CORE + "test_checkpoint.py"),
    ),
    Fault(
        "an acknowledgement needs no signature",
        "exam_core.protocol.acknowledgements",
        "if not signature_holds(message, proof.signature, centre_key):",
        "if False:",
        (_CORE + "test_acknowledgements.py",),
    ),
    Fault(
        "the log's lines are not chained",
        "exam_core.formats.audit_log",
        "if entry.n != n or entry.previous != head:",
        "if entry.n != n:",
        (_CORE + "test_audit_log.py",),
    ),
    Fault(
        "a value has two encodings",
        "exam_core.formats.canonical",
        "if encode_canonical(value) != data:",
        "if False:",
        (_CORE + "test_canonical.py",),
    ),
    Fault(
        "an old token goes on after a new log-in",
        "exam_server.room.services.admission",
        "    session.token_sha256 = digest\n",
        "",
        (_ROOM + "test_admission.py",),
    ),
    Fault(
        "any token is as good as the right one",
        "exam_server.room.services.admission",
        "return hmac.compare_digest(hashlib.sha256(token.encode()).hexdigest(), token_sha256)",
        "return True",
        (_ROOM + "test_admission.py",),
    ),
    Fault(
        "a seat never locks",
        "exam_core.limits",
        "login_tries_max = 5 ",
        "login_tries_max = 5_000 ",
        (_ROOM + "test_admission.py",),
    ),
    Fault(
        "answer keys come while a sitting is open",
        "exam_server.marking.services.keys",
        "    Machine(Path(site.config.machine)).refuse_open_sittings(KEY_SITTING_OPEN)\n",
        "",
        (
            (
                "tests/unit/exam_server_marking/test_import.py"
                "::test_the_answer_key_waits_for_the_room_on_this_machine"
            ),
        ),
    ),
    Fault(
        "the choices stand in the author's order",
        "paper_builder.assembly.layout",
        "lettered = self._choices.shuffled(lettered)",
        "pass",
        ("tests/unit/paper_builder/test_draw.py",),
    ),
    Fault(
        "the map forgets the order that was shown",
        "paper_builder.assembly.layout",
        'order = "".join(letters.values())',
        'order = "".join(sorted(letters.values()))',
        ("tests/unit/grading/test_trace.py::test_five_items_tell_one_form_of_a_thousand",),
    ),
    Fault(
        "one centre's official is enough",
        "exam_core.limits",
        "officials_min = 2 ",
        "officials_min = 1 ",
        (_CORE + "test_officials.py",),
    ),
    Fault(
        "results need no officials",
        "exam_core.formats.results_bundle",
        "if len(signed) < limits.officials_min:",
        "if False:",
        (_CORE + "test_results_bundle.py",),
    ),
    Fault(
        "what is revealed may differ from what was committed to",
        "exam_core.protocol.comparison",
        "return hmac.compare_digest(commitment.encode(), commitment_to(revealed).encode())",
        "return True",
        ("tests/property/exam_core/test_comparison.py",),
    ),
    Fault(
        "a crowd of age stanzas is read",
        "exam_core.crypto.sealing",
        "or stanzas > limits.age_stanzas_max",
        "",
        (_CORE + "test_sealing.py",),
    ),
    Fault(
        "a work factor may cost what it wants",
        "exam_core.crypto.age_passphrase",
        "or int(header[2]) > limits.scrypt_log_n",
        "",
        (_CORE + "test_age_passphrase.py::test_a_larger_factor_is_refused_unopened",),
    ),
    Fault(
        "an acknowledgement does not wait for the commit",
        "exam_server.room.saving.writer",
        "            self._commit_where_there_is_room([one.batch for one in alive])\n",
        "            pass\n",
        (_STORAGE + "test_a_full_disk_is_survived_without_a_restart",),
    ),
    Fault(
        "a failed sync is forgotten",
        "exam_server.room.saving.writer",
        "            self._broken = error\n        self._on_failure(error)",
        "            pass\n        self._on_failure(error)",
        (_STORAGE + "test_any_other_failure_stops_the_saving_for_good",),
    ),
    Fault(
        "a commit that failed is tried again whatever it was",
        "exam_server.room.saving.writer",
        "if error.code != STORAGE_FULL or not self._relieve():",
        "if error.code == STORAGE_FULL:",
        (_STORAGE + "test_any_other_failure_stops_the_saving_for_good",),
    ),
    Fault(
        "who was queued behind a failed commit is acknowledged with the next",
        "exam_server.room.saving.writer",
        "alive = [one for one in queued if one.era > self._failed_era]",
        "alive = list(queued)",
        (_STORAGE + "test_what_was_queued_while_a_commit_failed_is_not_taken_by_the_next",),
    ),
    Fault(
        "a full queue drops what comes",
        "exam_server.room.saving.writer",
        "        self._waiting_rows += rows\n",
        "        if not self.has_room:\n            return\n        self._waiting_rows += rows\n",
        (_STORAGE + "test_a_full_queue_drops_nothing",),
    ),
    Fault(
        "other bytes are taken at a place that is held",
        "exam_server.room.saving.ledger",
        "if is_known and self._digest_at(seq) != hashlib.sha256(frame).digest():",
        "if False:",
        (_ROOM + "test_ledger.py",),
    ),
    Fault(
        "the last to arrive holds",
        "exam_core.formats.journal_merge",
        "for place in sorted(placed_at)]",
        "for place in placed_at]",
        (_CORE + "test_journal_merge.py",),
    ),
    Fault(
        "a late frame of an old machine overwrites",
        "exam_core.formats.journal_merge",
        "for place in sorted(placed_at)]",
        "for place in sorted(placed_at, key=lambda one: one[1])]",
        (_CORE + "test_journal_merge.py",),
    ),
    Fault(
        "a server whose room was taken goes on",
        "exam_server.store.fence",
        "if number != self.number:",
        "if False:",
        ("tests/stateful/room/test_fence.py::test_a_fenced_server_changes_nothing[sqlite]",),
    ),
    Fault(
        "nobody is told that the reserve is in use",
        "exam_server.room.disk_care",
        "        if code:\n",
        "        if False:\n",
        ("tests/stateful/room/test_disk_care.py",),
    ),
    Fault(
        "the reserve is a file with holes",
        "exam_server.room.reserve",
        "os.posix_fallocate(descriptor, 0, self._target)",
        "os.ftruncate(descriptor, self._target)",
        (_ROOM + "test_reserve.py",),
    ),
    Fault(
        "what a failed sync left in memory is trusted",
        "exam_server.store.log_renewal",
        "at += os.pwrite(descriptor, chunk, at)",
        "at += len(chunk)",
        (_ROOM + "test_log_renewal.py",),
    ),
)
