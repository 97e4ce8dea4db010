"""Merkle trees over lists: one root for all, and a short proof that one of them is in it.

Leaves and nodes are hashed with different first bytes, so a node never passes for a leaf.
Source: RFC 9162, section 2.1.
"""

import hashlib
from collections.abc import Iterable, Sequence

from exam_core.errors import InputError, declare

MERKLE_PROOF = declare("merkle.proof", "证明的长度或位置不对，数据可能被改动过；请保留并上报。")

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """The hash of one element of the list.

    Source: RFC 9162, section 2.1.1.
    """
    return hashlib.sha256(b"\x00" + data).digest()


class GrowingTree:
    """The tree of a list that only grows; holds one hash for each bit of the size.

    Asking for the root after every element costs no more than the list is long times its depth.
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []  # (leaves, root), of whole subtrees, large first
        for leaf in leaf_hashes:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Put one more leaf hash at the end."""
        leaves, root = 1, leaf
        while self._peaks and self._peaks[-1][0] == leaves:
            _, left = self._peaks.pop()
            leaves, root = leaves * 2, _node_hash(left, root)
        self._peaks.append((leaves, root))
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far; of none, the hash of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        *larger, (_, root) = self._peaks
        for _, left in reversed(larger):
            root = _node_hash(left, root)
        return root


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over a list.

    Source: RFC 9162, section 2.1.1.
    """
    return GrowingTree(leaf_hashes).root()


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from the leaf at `index` (counted from 0) to the root, lowest first.

    Raises:
        ValueError: There is no leaf at this place.

    Source: RFC 9162, section 2.1.3.1.
    """
    if not 0 <= index < len(leaf_hashes):
        raise ValueError(f"no leaf {index} among {len(leaf_hashes)}")
    return _path(_levels(leaf_hashes), index)


def root_and_proofs(leaf_hashes: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """The root over a list and the proofs of all its leaves in their order; each node once.

    Raises:
        ValueError: There is no leaf.
    """
    if not leaf_hashes:
        raise ValueError("no leaves")
    levels = _levels(leaf_hashes)
    paths: list[tuple[bytes, ...]] = [()]
    for level in reversed(levels[:-1]):
        # A node's path is its sibling and its parent's path; the odd one goes up as it is.
        below = []
        for left in range(0, len(level) - 1, 2):
            path = paths[left >> 1]
            below.append((level[left + 1], *path))
            below.append((level[left], *path))
        if len(level) & 1:
            below.append(paths[-1])
        paths = below
    return levels[-1][0], paths


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to; the caller compares it with a root that it trusts.

    Raises:
        InputError: `merkle.proof`, a place outside the tree, or not exactly as many hashes as lead
            from this place to the root of a tree of this size.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or any(len(step) != HASH_BYTES for step in proof):
        raise InputError(MERKLE_PROOF, "证明中的位置或长度不对")
    steps = iter(proof)
    root, last = leaf, size - 1
    try:
        while last:
            if index & 1:
                root = _node_hash(next(steps), root)
            elif index < last:
                root = _node_hash(root, next(steps))
            index, last = index >> 1, last >> 1
    except StopIteration:
        raise InputError(MERKLE_PROOF, "证明不完整") from None
    if next(steps, None) is not None:
        raise InputError(MERKLE_PROOF, "证明过长")
    return root


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _levels(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The tree level by level, leaves first; the odd one at an end goes up as it is."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        nodes = [_node_hash(left, right) for left, right in pairs]
        levels.append(nodes + below[len(nodes) * 2 :])
    return levels


def _path(levels: list[list[bytes]], index: int) -> tuple[bytes, ...]:
    siblings = ((level, index >> height ^ 1) for height, level in enumerate(levels))
    return tuple(level[place] for level, place in siblings if place < len(level))
