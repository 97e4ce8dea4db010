"""Merkle trees: the published answers, and what a proof can and cannot say."""

import hashlib

import pytest

from exam_core.crypto.merkle import (
    GrowingTree,
    inclusion_proof,
    leaf_hash,
    root_from_proof,
    tree_root,
)
from exam_core.errors import InputError

# Source: certificate-transparency reference tests (merkle_tree_test), quoted by RFC 6962 logs.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}


def leaves_of(count: int) -> list[bytes]:
    """The leaf hashes of the first published inputs."""
    return [leaf_hash(data) for data in INPUTS[:count]]


def test_roots_are_the_published_ones() -> None:
    """The trees over the first 1 to 8 published inputs have the published roots."""
    roots = tuple(tree_root(leaves_of(count)).hex() for count in range(1, 9))

    assert roots == ROOTS


def test_an_empty_list_has_the_root_of_nothing() -> None:
    """The root of no leaves is the hash of no bytes."""
    assert tree_root([]) == hashlib.sha256(b"").digest()


def test_proofs_are_the_published_ones() -> None:
    """Inclusion proofs are the published ones, lowest hash first."""
    for (index, size), path in PATHS.items():
        proof = inclusion_proof(leaves_of(size), index)

        assert tuple(step.hex() for step in proof) == path
        root = root_from_proof(leaf_hash(INPUTS[index]), index, size, proof)
        assert root.hex() == ROOTS[size - 1]


def test_a_growing_tree_has_every_root_on_its_way() -> None:
    """Appending leaf by leaf passes through the root of every shorter list."""
    tree = GrowingTree()
    roots = []
    for leaf in leaves_of(8):
        tree.append(leaf)
        roots.append(tree.root().hex())

    assert tuple(roots) == ROOTS
    assert tree.size == 8


@pytest.mark.parametrize(
    ("index", "size", "steps"),
    [(-1, 8, 3), (8, 8, 3), (0, 0, 0), (0, 8, 2), (0, 8, 4), (2, 3, 2), (2, 3, 0)],
)
def test_a_proof_that_fits_no_place_is_refused(index: int, size: int, steps: int) -> None:
    """A place outside the tree and a proof too short or too long for its place are refused."""
    with pytest.raises(InputError) as caught:
        root_from_proof(leaf_hash(b""), index, size, [bytes(32)] * steps)

    assert caught.value.code == "merkle.proof"


def test_a_step_of_another_length_is_refused() -> None:
    """A hash in a proof that is not 32 bytes long is refused."""
    with pytest.raises(InputError) as caught:
        root_from_proof(leaf_hash(b""), 0, 2, [bytes(31)])

    assert caught.value.code == "merkle.proof"


def test_a_leaf_outside_the_list_is_a_callers_mistake() -> None:
    """Asking for the proof of a leaf that is not there is a mistake in our own code."""
    with pytest.raises(ValueError, match="no leaf 3 among 3"):
        inclusion_proof(leaves_of(3), 3)


def test_a_node_is_no_leaf() -> None:
    """The bytes under a node, given as a leaf, do not lead to the same root."""
    first, second = leaves_of(2)

    assert leaf_hash(first + second) != tree_root([first, second])
