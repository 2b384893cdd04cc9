"""Whether a page was loaded anew: a mark on its document is gone then."""

from playwright.sync_api import Page


def mark_document(page: Page) -> None:
    """Mark the document that is shown."""
    page.evaluate("document.documentElement.dataset.mark = 'kept'")


def is_the_same_document(page: Page) -> bool:
    """Whether it is the one that was marked."""
    return bool(page.evaluate("document.documentElement.dataset.mark === 'kept'"))
