"""Rebuild every generated page of `docs/`; a test fails where one is stale."""

from deploy.tools import lan_http, make_errors_page, state_diagrams


def main() -> None:
    """Rebuild them all."""
    state_diagrams.main()
    make_errors_page.main()
    lan_http.main()


if __name__ == "__main__":
    main()
