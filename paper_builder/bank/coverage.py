"""How many items does the bank have of each domain and type?"""

from collections.abc import Mapping
from dataclasses import dataclass

from exam_core.model.items import ItemType


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Counts by domain and type; a pair that is absent has none."""

    counts: Mapping[tuple[str, ItemType], int]

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that have items, in the order of their first count, most items first."""
        totals = {domain: self.of_domain(domain) for domain, _ in self.counts}
        return tuple(sorted(totals, key=lambda domain: (-totals[domain], domain)))

    @property
    def total(self) -> int:
        """All items."""
        return sum(self.counts.values())

    def of(self, domain: str, item_type: ItemType) -> int:
        """The items of one cell."""
        return self.counts.get((domain, item_type), 0)

    def of_domain(self, domain: str) -> int:
        """The items of one domain."""
        return sum(count for (name, _), count in self.counts.items() if name == domain)

    def of_type(self, item_type: ItemType) -> int:
        """The items of one type."""
        return sum(count for (_, kind), count in self.counts.items() if kind is item_type)

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Counts by domain, then by type, every type named: for `--json`."""
        return {
            domain: {kind.value: self.of(domain, kind) for kind in ItemType}
            for domain in self.domains
        }
