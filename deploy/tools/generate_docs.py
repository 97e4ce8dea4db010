"""Rebuild every generated page of `docs/`; a test fails where one is stale."""

from deploy.tools import make_errors_page, state_diagrams


def main() -> None:
    """Rebuild them all."""
    state_diagrams.main()
    make_errors_page.main()


if __name__ == "__main__":
    main()
