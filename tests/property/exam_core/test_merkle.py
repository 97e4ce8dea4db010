"""Merkle trees against RFC 9162's own recursive definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_core.crypto.merkle import (
    GrowingTree,
    inclusion_proof,
    leaf_hash,
    root_and_proofs,
    root_from_proof,
    tree_root,
)

ENTRIES = st.lists(st.binary(max_size=40), max_size=70)


def mth(entries: list[bytes]) -> bytes:
    """MTH(D_n) as the RFC writes it down in section 2.1.1; written apart from our code."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D_n) as the RFC writes it down in section 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


@given(entries=ENTRIES)
def test_roots_are_those_of_the_definition(entries: list[bytes]) -> None:
    """The root over any list, and over every beginning of it, is that of the definition."""
    tree = GrowingTree()
    for size, entry in enumerate(entries):
        assert tree.root() == mth(entries[:size])
        tree.append(leaf_hash(entry))

    assert tree.root() == tree_root(map(leaf_hash, entries)) == mth(entries)


@given(entries=ENTRIES.filter(len), data=st.data())
def test_proofs_are_those_of_the_definition(entries: list[bytes], data: st.DataObject) -> None:
    """The proof of any leaf is that of the definition and leads to the root."""
    index = data.draw(st.integers(0, len(entries) - 1), label="index")
    leaves = [leaf_hash(entry) for entry in entries]

    proof = inclusion_proof(leaves, index)

    assert list(proof) == path(index, entries)
    root, proofs = root_and_proofs(leaves)
    assert root == mth(entries)
    assert proofs[index] == proof
    assert len(proofs) == len(leaves)
    assert root_from_proof(leaves[index], index, len(leaves), proof) == mth(entries)


@given(
    entries=st.lists(st.binary(max_size=40), min_size=2, max_size=70, unique=True), data=st.data()
)
def test_a_proof_holds_for_its_leaf_and_place_only(
    entries: list[bytes], data: st.DataObject
) -> None:
    """With another leaf, or a changed step, a proof does not lead to the root."""
    place = st.integers(0, len(entries) - 1)
    index = data.draw(place, label="index")
    other = data.draw(place.filter(lambda one: one != index), label="other")
    leaves = [leaf_hash(entry) for entry in entries]
    proof = list(inclusion_proof(leaves, index))
    step = data.draw(st.integers(0, len(proof) - 1), label="step")
    bent = [*proof]
    bent[step] = hashlib.sha256(bent[step]).digest()

    assert root_from_proof(leaves[other], index, len(leaves), proof) != mth(entries)
    assert root_from_proof(leaves[index], index, len(leaves), bent) != mth(entries)


def test_nothing_has_no_proofs() -> None:
    """A commit without an acknowledgement has no tree."""
    with pytest.raises(ValueError, match="no leaves"):
        root_and_proofs([])
