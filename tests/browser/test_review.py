"""The review screen in a real browser: accessible, by keyboard alone, saving by itself, closed to a module's code."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from playwright.sync_api import Page, Request, Route, expect

from feedback import services
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQueue
from feedback.services import Answer
from ir_schemas.models import IRSchema
from ir_schemas.services import activate_version, create_version
from monitoring.flags import Key, set_flag
from tests import factories
from tests.browser.conftest import Admin, Screen
from tests.browser.test_admin import each_screen, faults, picture
from tests.waiting import until

FAULT = {"path": "/parts/1/label", "code": "type", "message": "The label must be text.", "hint": "Name the part."}
HOSTILE = Path(__file__).parent / "pages" / "hostile.html"


@pytest.fixture
def queue(transactional_db: None) -> ReviewQueue:
    """A split with a fault at a place, a module, and a plain document, in this order."""
    set_flag(key=Key.REVIEW_ENABLED, value="on", reason="test")
    made: ReviewQueue = factories.ReviewQueueFactory(
        key="modules",
        name="Modules of the shop",
        instructions="Compare.\n\nThen answer.",
        rubric="Pass: could go live.",
    )
    factories.ReviewQuestionFactory(queue=made, key="faithful", label="Does it show what the page shows?", order=1)
    factories.ReviewQuestionFactory(
        queue=made, key="kind", label="What is it?", kind="category", options=["hero", "gallery", "text"], order=2
    )
    factories.ReviewQuestionFactory(
        queue=made, key="minutes", label="Minutes to mend it", kind="number", is_required=False, order=3
    )
    _add_split(made)
    _add(made, module("<h2>Hero</h2>"))
    _add(made, {"title": "A title", "tags": ["one", "two"]})
    return made


def module(html: str) -> dict[str, object]:
    return {"module": {"name": "hero", "label": "Hero", "css": "", "fields": []}, "renderedHtml": html}


def _add(queue: ReviewQueue, document: object, **more: object) -> ReviewItem:
    artifact = factories.IRArtifactFactory(ir_json=document, **more)
    for passed in (True, False):
        factories.MetricResultFactory(step_run=artifact.step_run, passed=passed)
    item: ReviewItem = factories.ReviewItemFactory(queue=queue, target_id=artifact.pk)
    return item


def _add_split(queue: ReviewQueue) -> None:
    parts = [
        {"key": f"p{n}", "label": label, "kind": "hero", "bounds": {"x": 0, "y": n / 2, "width": 1, "height": 0.5}}
        for n, label in enumerate(["Top", 7])
    ]
    ir = {"source": {"width": 40, "height": 60}, "parts": parts, "boundsSource": "rendered"}
    item = _add(queue, ir, outcome="invalid", is_valid=False, error_count=1, validation_errors=[FAULT])
    design = item.step_run.pipeline_run.design_split
    ReviewItem.objects.filter(pk=item.pk).update(design_split=design)
    name = default_storage.save("page.png", ContentFile(picture()))
    factories.SplitAssetFactory(split=design, kind="page", storage_url=name)


def begin(admin: Admin, page: Page) -> None:
    admin.open(page, reverse("review:queue", args=["modules"]))
    page.get_by_role("button", name="Go to the next item").click()
    page.wait_for_url("**/items/**")


@each_screen
def test_the_screen_is_accessible(admin: Admin, screen: Screen, queue: ReviewQueue) -> None:
    page = admin.page(screen)
    found = {}
    for path in (reverse("review:queues"), reverse("review:queue", args=["modules"])):
        admin.open(page, path)
        found[path] = faults(page)
    begin(admin, page)
    for number in range(3):
        page.locator(".corrector summary").click()
        found[number] = faults(page)
        page.locator("[data-ahead] button, [data-ahead] a").last.click()
        page.wait_for_load_state()

    assert {path: each for path, each in found.items() if each} == {}
    assert admin.errors == []


def test_a_queue_is_worked_off_by_keyboard_alone(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    for number, verdict in enumerate("axs"):
        expect(page.locator("h1")).to_contain_text(f"Item {_number_of(number)}")
        page.keyboard.press("1")
        page.keyboard.press("3")
        with page.expect_navigation():
            page.keyboard.press(verdict)

    expect(page.get_by_text("Nothing is left for you")).to_be_visible()
    answers = ReviewAnswer.objects.order_by("id").values_list("verdict", "answers__faithful", "answers__kind")
    assert list(answers) == [("accept", "pass", "text"), ("reject", "pass", "text")]
    assert ReviewAssignment.objects.filter(state="skipped").count() == 1
    assert ReviewAnswer.objects.earliest("id").duration_ms > 0


@pytest.mark.parametrize("width", [390, 1280])
def test_what_one_has_done_does_not_push_the_next_item_away(admin: Admin, queue: ReviewQueue, width: int) -> None:
    boss = User.objects.get(is_superuser=True)
    for _ in range(30):
        factories.ReviewAssignmentFactory(item=factories.ReviewItemFactory(queue=queue), reviewer=boss)
    page = admin.page(Screen(width=width))

    admin.open(page, reverse("review:queue", args=["modules"]))

    expect(page.get_by_role("button", name="Go to the next item")).to_be_in_viewport()
    page.locator("[data-rail] > summary").click()
    expect(page.get_by_role("heading", name="Yours in this queue")).to_be_visible()


def test_the_next_item_comes_at_once_and_has_its_own_address(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)
    asked: list[str] = []
    page.on("request", lambda each: asked.extend([each.method] if _is_page(page, each) else []))

    for key in "13":
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press("a")
    expect(page.locator("h1")).to_contain_text(f"Item {_number_of(1)}")
    held = ReviewAssignment.objects.get(state="reserved")
    assert page.url.endswith(reverse("review:item", args=[held.pk]))
    page.reload()

    expect(page.locator("h1")).to_contain_text(f"Item {_number_of(1)}")
    assert asked == ["POST", "GET"]
    assert ReviewAnswer.objects.count() == 1
    assert ReviewAssignment.objects.count() == 2


def _is_page(page: Page, request: Request) -> bool:
    return request.is_navigation_request() and request.frame == page.main_frame


def _number_of(place: int) -> str:
    return ReviewItem.objects.order_by("id")[place].title.removeprefix("Item ")


def test_the_items_one_holds_are_a_key_apart(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)
    first = page.url

    with page.expect_navigation():
        page.keyboard.press("j")
    second = page.url
    with page.expect_navigation():
        page.keyboard.press("k")

    assert page.url == first != second
    assert ReviewAssignment.objects.filter(state="reserved").count() == 2


def test_what_is_typed_saves_itself_and_a_line_takes_a_comment(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)

    page.locator('.json-line[data-path="/parts/1/label"]').click()
    page.keyboard.type("Not a label.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    page.reload()

    assert page.locator("[name=remark_path]").first.input_value() == "/parts/1/label"
    assert page.locator("[name=remark_comment]").first.input_value() == "Not a label."
    assert ReviewAssignment.objects.get().draft["remarks"] == [{"path": "/parts/1/label", "comment": "Not a label."}]
    assert not ReviewAnswer.objects.exists(), "Enter in a field sends nothing"


def test_what_is_typed_last_is_kept_before_a_key_leads_on(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)
    first = page.url
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route("**/draft", hold_the_first)
    page.keyboard.press("m")
    page.keyboard.type("One")
    until(lambda: held, meanwhile=lambda: page.evaluate("1"))
    page.keyboard.type(", two")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.url == first
    assert len(held) == 1, "the second waits for the first"
    held[0].continue_()
    page.wait_for_url(lambda url: url != first)

    assert ReviewAssignment.objects.earliest("pk").draft["comments"] == "One, two"
    page.keyboard.press("m")
    page.keyboard.type("Left at once.")
    page.goto(first)
    until(lambda: ReviewAssignment.objects.latest("pk").draft.get("comments") == "Left at once.")


def test_who_is_signed_out_is_told_and_loses_nothing(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)
    first = page.url
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")

    user = User.objects.get()
    user.set_password("a new one")
    user.save()  # which ends the session
    page.keyboard.press("m")
    page.keyboard.type("Typed while signed out.")
    expect(page.locator("[data-saved]")).to_contain_text("Not saved: you are signed out.")
    expect(page.locator("[data-saved]")).to_be_in_viewport()
    page.locator("[data-saved]").click(trial=True)  # nothing lies over it
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.url == first
    other = page.context.new_page()
    other.goto(f"{admin.url}{reverse('admin:login')}")
    other.locator("[name=username]").fill(user.username)
    other.locator("[name=password]").fill("a new one")
    other.locator("[name=password]").press("Enter")
    other.wait_for_url(lambda url: "login" not in url)

    expect(page.locator("[data-saved]")).to_contain_text("Saved", timeout=20_000)
    with page.expect_navigation():
        page.keyboard.press("a")
    assert ReviewAnswer.objects.get().comments == "Typed while signed out."


def test_an_item_with_numbers_and_texts_is_answered_by_keyboard_alone(admin: Admin, queue: ReviewQueue) -> None:
    queue.questions.filter(key="minutes").update(is_required=True, minimum=0, maximum=60)
    factories.ReviewQuestionFactory(queue=queue, key="why", label="Why?", kind="text", order=4)
    page = admin.page()
    begin(admin, page)
    press, type_ = page.keyboard.press, page.keyboard.type
    asked = page.locator(".is-asked")

    press("1")
    press("3")
    expect(asked).to_contain_text("Minutes to mend it")
    type_("4.5")
    press("Escape")
    expect(asked).to_contain_text("Why?")
    press("n")
    type_("As the page says so.")
    press("Escape")
    press("m")
    type_("On the whole.")
    press("Escape")
    press("r")
    type_("/parts/0")
    press("Tab")
    type_("The first.")
    press("Escape")
    press("l")
    for key in ("End", "Home", "ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        press(key)
    type_("By its line.")
    press("Escape")
    for _ in range(2):  # back from the last question to the second
        press("Escape")
        press("p")
    expect(asked).to_contain_text("What is it?")
    press("2")
    with page.expect_navigation():
        press("a")

    given = ReviewAnswer.objects.get()
    assert given.answers == {"faithful": "pass", "kind": "gallery", "minutes": 4.5, "why": "As the page says so."}
    assert given.comments == "On the whole."
    said = [{"path": "/parts/0", "comment": "The first."}, {"path": "/parts", "comment": "By its line."}]
    assert given.remarks == said


def test_a_key_that_is_held_acts_once(admin: Admin, queue: ReviewQueue) -> None:
    page = admin.page()
    begin(admin, page)

    with page.expect_navigation():
        page.keyboard.down("s")
    page.keyboard.down("s")
    page.keyboard.up("s")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert ReviewAssignment.objects.filter(state="skipped").count() == 1
    page.keyboard.press("Escape")
    with page.expect_navigation():
        page.keyboard.press("g")

    expect(page.get_by_role("button", name="Go to the next item")).to_be_visible()
    assert ReviewAssignment.objects.filter(state="released").count() == 1


def test_a_correction_is_checked_as_it_is_typed(admin: Admin, queue: ReviewQueue) -> None:
    item = ReviewItem.objects.earliest("id")
    schema = {"properties": {"parts": {"type": "array"}}, "required": ["parts"]}
    activate_version(schema=create_version(model=IRSchema, owner=item.step_run.step_version, schema=schema))
    page = admin.page()
    begin(admin, page)

    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type('{"parts": 1}')
    expect(page.locator(".editor-status")).to_contain_text("1 to mend")
    page.keyboard.press("Control+a")
    page.keyboard.type('{"parts": []}')
    expect(page.locator(".editor-status")).to_contain_text("Valid.")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("1")
    with page.expect_navigation():
        page.keyboard.press("c")

    assert ReviewAnswer.objects.get().correction == {"parts": []}


class Trap:
    """Answers every connection at ``url``, and remembers that there was one and what it asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            self.asked.append("a connection")
            with caller:
                caller.settimeout(2)
                with suppress(OSError):
                    self.asked.append(caller.recv(200).split(b"\r\n")[0].decode(errors="replace"))
                    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


def hostile(url: str) -> str:
    """All the ways in which a page runs or loads something, each with an address of its own."""
    return HOSTILE.read_text().replace("TRAP", url)


def hostile_css(url: str) -> str:
    return f"""
        @import url("{url}/import"); @font-face {{ font-family: x; src: url("{url}/font") }}
        h2 {{ font-family: x; background: url("{url}/css"); cursor: url("{url}/cursor"), auto;
              list-style: url({url}/list); border-image: url("{url}/border") 1; mask-image: url("{url}/mask");
              filter: url("{url}/filter#f") }}
        h2::after {{ content: image-set("{url}/set" 1x) }} </style><script>parent.hacked = 2</script>
    """


def test_what_a_model_wrote_runs_and_loads_nothing(admin: Admin, queue: ReviewQueue, trap: Trap) -> None:
    document = module(hostile(trap.url))
    document["module"] = {
        "name": hostile(trap.url),
        "label": hostile(trap.url),
        "css": hostile_css(trap.url),
        "fields": [],
    }
    made = factories.IRArtifactFactory(ir_json={**document, hostile(trap.url): [hostile(trap.url)]})
    factories.PromptDataFactory(step_run=made.step_run, prompt=hostile(trap.url), context={"a": hostile(trap.url)})
    factories.ReviewItemFactory(
        queue=queue, priority=9, title=hostile(trap.url)[:200], target_id=made.pk, step_run=made.step_run
    )
    page = admin.page()
    begin(admin, page)

    frame = page.frame_locator(".review-preview iframe")
    expect(frame.get_by_text("Hero")).to_be_visible()
    page.locator(".review-preview").click()
    page.keyboard.press("e")
    expect(page.locator(".editor-status")).to_contain_text("The correction changes nothing.")

    assert page.evaluate("window.hacked") is None
    page.goto(f"{page.url}preview")
    for link in ("A link", "In a new window", "Drawn"):
        page.get_by_text(link).click()
    assert [each.url.rpartition("/")[2] for each in page.context.pages] == ["preview#"]
    assert trap.asked == []


@pytest.fixture
def disputed(transactional_db: None) -> ReviewItem:
    """An item on which three reviewers said different things."""
    set_flag(key=Key.REVIEW_ENABLED, value="on", reason="test")
    queue = factories.ReviewQueueFactory(key="modules", name="Modules of the shop", reviewers_per_item=3)
    factories.ReviewQuestionFactory(queue=queue, key="faithful", label="Does it show what the page shows?", order=1)
    factories.ReviewQuestionFactory(
        queue=queue, key="kind", label="What is it?", kind="category", options=["hero", "gallery", "text"], order=2
    )
    item = _add(queue, {"title": "A title", "tags": ["one", "two"]})
    remarks = [{"path": "/tags/1", "comment": "The page says three, and shows it twice."}]
    said = [
        Answer("accept", {"faithful": "pass", "kind": "hero"}),
        Answer("correct", {"faithful": "fail", "kind": "hero"}, {"title": "Title", "tags": ["one", "three"]}),
        Answer("reject", {"faithful": "fail", "kind": "text"}, comments="Not this page at all.", remarks=remarks),
    ]
    for answer in said:
        reviewer = factories.UserFactory()
        held = services.claim_next(queue=queue, reviewer=reviewer)
        assert held is not None
        services.submit(assignment_id=held.pk, reviewer=reviewer, answer=answer)
    return item


@each_screen
def test_the_pages_of_adjudication_are_accessible(admin: Admin, screen: Screen, disputed: ReviewItem) -> None:
    page = admin.page(screen)
    start = reverse("review:adjudicate", args=["modules"])
    admin.open(page, start)
    found = faults(page)
    page.get_by_role("button", name="Go to the next item to adjudicate").click()
    expect(page.get_by_role("heading", name="What the reviewers answered")).to_be_visible()

    assert found + faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width
    assert admin.errors == []


def test_a_dispute_is_decided_by_keyboard_alone(admin: Admin, disputed: ReviewItem) -> None:
    page = admin.page()
    admin.open(page, reverse("review:adjudicate", args=["modules"]))
    page.get_by_role("button", name="Go to the next item to adjudicate").click()
    expect(page.locator("[data-review]")).to_be_visible()

    for begun in ("A", "B"):
        with page.expect_navigation():
            page.keyboard.press("b")
        assert page.url.endswith(f"?begin={begun}")
    assert page.locator("[value=fail]").is_checked()
    with page.expect_navigation():
        page.keyboard.press("c")

    expect(page.get_by_text("Nothing is left to adjudicate")).to_be_visible()
    decided = ReviewAnswer.objects.get(assignment__slot=0)
    assert (decided.verdict, decided.answers["kind"]) == ("correct", "hero")
    assert decided.correction == {"title": "Title", "tags": ["one", "three"]}
