"""A browser, and pages of the admin opened in it by a signed-in superuser."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from pipelines.designs.rendering import find_browser
from tests import factories

# Playwright's own event loop runs in this thread; Django would refuse to read the database beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@dataclass(frozen=True)
class Screen:
    """A window's width in CSS pixels, and whether its user likes it dark."""

    width: int = 1440
    dark: bool = False


@dataclass
class Admin:
    """Opens admin pages; ``errors`` collects what the browser complained of (scripts, policy, missing files)."""

    browser: Browser
    url: str
    session: str
    errors: list[str] = field(default_factory=list)

    def page(self, screen: Screen = Screen(), *, signed_in: bool = True) -> Page:
        context = self.browser.new_context(
            viewport={"width": screen.width, "height": 900}, color_scheme="dark" if screen.dark else "light"
        )
        if signed_in:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": self.session, "url": self.url}])
        page = context.new_page()
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def open(self, page: Page, path: str) -> None:
        """Go to a page and wait until its scripts have settled."""
        page.goto(f"{self.url}{path}", wait_until="load")
        page.wait_for_function("document.getElementById('page').getAttribute('role') === 'main' || "
                               "document.getElementById('main').getAttribute('role') === 'main'")  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.skip("There is no Chromium on this machine.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path))
        yield browser
        browser.close()


@pytest.fixture
def admin(browser: Browser, live_server: LiveServer, transactional_db: None, client: Client) -> Iterator[Admin]:
    client.force_login(factories.UserFactory(is_staff=True, is_superuser=True))
    yield Admin(browser, live_server.url, client.cookies[settings.SESSION_COOKIE_NAME].value)
    for context in browser.contexts:
        context.close()
