"""The step ``layout_split`` with Chromium, and what a rendered page may and may not do."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from metrics.boxes import Box, iou_matrix
from pipelines.designs.rendering import RenderingError, close_browser, find_browser, render_html, render_page
from pipelines.steps.contract import SplitAssetOutput, StepError, StepResult
from tests.pipelines.split_pages import harbour, page, split

pytestmark = pytest.mark.skipif(find_browser() is None, reason="There is no Chromium on this machine.")


async def text_of(page: Any) -> str:
    found: str = await page.evaluate("() => document.body.innerText.trim()")
    return found


def rendered(content: Any, **params: Any) -> StepResult:
    return split(content, rendering="auto", **params)


@pytest.fixture(scope="module")
def harbour_split() -> StepResult:
    return rendered(harbour())


def test_boxes_are_those_of_the_browser(harbour_split: StepResult) -> None:
    async def measure(page: Any) -> Any:
        return await page.evaluate(
            """selectors => selectors.map(selector => {
                const found = document.querySelectorAll(selector);
                if (found.length !== 1) return null;
                const {x, y, width, height} = found[0].getBoundingClientRect();
                return {x, y, width, height};
            })""",
            [part["selector"] for part in harbour_split.ir["parts"]],
        )

    assert harbour_split.ir["boundsSource"] == "rendered"
    for part, true in zip(harbour_split.ir["parts"], render_page(harbour(), measure).value, strict=True):
        assert part["boundsPx"] == {side: pytest.approx(value, abs=1) for side, value in true.items()}


def test_the_estimate_is_near_the_rendering(harbour_split: StepResult) -> None:
    estimate = split(harbour()).ir["parts"]
    assert [part["kind"] for part in estimate] == [part["kind"] for part in harbour_split.ir["parts"]]
    pairs = zip(estimate, harbour_split.ir["parts"], strict=True)
    for ours, true in pairs:
        overlap = iou_matrix([Box.from_bounds(ours["bounds"])], [Box.from_bounds(true["bounds"])])
        assert overlap[0, 0] > 0.6, (ours["boundsPx"], true["boundsPx"])


def test_the_page_and_every_part_have_a_picture(harbour_split: StepResult) -> None:
    *found, whole = [output for output in harbour_split.outputs if isinstance(output, SplitAssetOutput)]
    assert (whole.key, whole.kind, whole.order) == ("page", "page", len(found))
    assert whole.file is not None
    assert Image.open(io.BytesIO(whole.file.content)).size == (1280, whole.meta["height"])
    for output, part in zip(found, harbour_split.ir["parts"], strict=True):
        assert output.file is not None
        crop = Image.open(io.BytesIO(output.file.content))
        assert crop.size == (part["boundsPx"]["width"], part["boundsPx"]["height"])


def test_a_very_tall_page_has_a_picture_of_its_top() -> None:
    tall = "<section style='height:9000px'><h2>One</h2></section><section style='height:900px'><h2>Two</h2></section>"
    result = rendered(tall)
    assert result.ir["source"]["height"] == pytest.approx(9900, abs=60)
    assert [part["image"] is None for part in result.ir["parts"]] == [False, True]


def test_a_page_that_scripts_build_is_seen() -> None:
    built = "<div id=r></div><script>r.innerHTML = '<h1>Built</h1><section><h2>By script</h2>text</section>'</script>"
    result = rendered(built)
    assert "By script" in result.ir["parts"][-1]["text"]
    assert "<script" not in "".join(part["html"] for part in result.ir["parts"])


def test_a_fixed_navigation_overlays_the_hero() -> None:
    result = rendered(
        """<body style="margin:0"><nav style="position:fixed;top:0;width:100%"><a href="a">A</a><a href="b">B</a></nav>
        <header style="height:500px;background:navy"><h1>Hello</h1></header><section><h2>More</h2></section>"""
    )
    header, hero, _ = result.ir["parts"]
    assert (header["kind"], hero["kind"]) == ("header", "hero")
    assert header["bounds"]["y"] == hero["bounds"]["y"] == 0


@pytest.mark.parametrize("content", ["<body hidden>x<p>y</p></body>", "<div style='display:none'>x</div>", "<p></p>"])
def test_an_invisible_page_is_refused(content: str) -> None:
    with pytest.raises(StepError) as refused:
        rendered(content)
    assert refused.value.code == "design-no-visible-content"


def test_a_page_that_spoils_the_measuring_is_rendered_without_its_scripts() -> None:
    result = rendered(
        "<h1>Hi</h1><script>Element.prototype.getBoundingClientRect = () => ({x: ';;', y: {}, width: 'w'})</script>"
    )
    assert result.ir["notes"] == [
        "Rendering with the page's scripts failed: The page's scripts spoil what its boxes are measured with."
    ]
    assert (result.ir["boundsSource"], result.ir["parts"][0]["heading"]) == ("rendered", "Hi")


def test_scripts_that_never_end_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.steps.layout_split.step.RENDER_TIMEOUT_S", 2.0)
    result = rendered("<h1>Hello</h1><p>there</p><script>while (true) {}</script>")
    assert result.ir["boundsSource"] == "rendered"
    assert result.ir["notes"] == ["Rendering with the page's scripts failed: The page did not finish within 2 s."]


def test_requests_outside_the_design_are_refused_and_told() -> None:
    result = rendered(
        "<h1>Hi</h1><img src='http://127.0.0.1:1/a.png'><script src='https://elsewhere.example/x.js'></script>"
    )
    assert "2 requests were refused" in result.ir["notes"][0]


def test_a_page_gets_its_own_files() -> None:
    design = page("<link rel=stylesheet href=a.css><p>seen</p><b>hidden</b>", a_css=b"b{display:none}")
    assert render_page(design, text_of).value == "seen"


@pytest.mark.parametrize(
    "script",
    [
        "location = 'https://elsewhere.example/'",
        "location.reload()",
        "open('page.html')",
        "document.write('<meta http-equiv=refresh content=\"0;url=page.html\">')",
        "alert(1); confirm(2); prompt(3)",
        "new WebSocket('ws://127.0.0.1:1')",
        "navigator.serviceWorker && navigator.serviceWorker.register('page.html')",
    ],
)
def test_a_page_stays_where_it_is(script: str) -> None:
    assert render_html(f"<p>here</p><script>{script}</script>", text_of, timeout_s=8).value == "here"


def test_nothing_answers_a_page_that_calls_out() -> None:
    async def call(page: Any) -> Any:
        return await page.evaluate(
            """async () => {
                const worker = `onmessage = async () => postMessage(await fetch('https://elsewhere.example/').then(
                    () => 'open', () => 'closed'))`;
                const made = new Worker(URL.createObjectURL(new Blob([worker])));
                const fromWorker = new Promise(done => { made.onmessage = event => done(event.data) });
                made.postMessage(1);
                return [await fetch('http://127.0.0.1:1/').then(() => 'open', () => 'closed'), await fromWorker];
            }"""
        )

    assert render_html("<p>x</p>", call).value == ["closed", "closed"]


def _hang(page: Any) -> Any:
    return page.evaluate("() => { while (true) {} }")


def _crash(page: Any) -> Any:
    return page.evaluate("() => { const all = []; while (true) all.push(new Array(1e6).fill(Math.random())) }")


@pytest.mark.parametrize(("use", "reason"), [(_hang, "timeout"), (_crash, "failed")])
def test_a_page_that_hangs_or_crashes_ends_in_an_error_and_the_next_works(
    use: Callable[[Any], Any], reason: str
) -> None:
    with pytest.raises(RenderingError) as failed:
        render_html("<p>x</p>", use, timeout_s=3 if reason == "timeout" else 20)
    assert failed.value.reason == reason
    assert render_html("<p>next</p>", text_of).value == "next"


def test_many_threads_share_one_browser() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: render_html(f"<p>{n}</p>", text_of).value, range(6)))
    assert found == [str(n) for n in range(6)]


def test_a_closed_browser_starts_anew() -> None:
    close_browser()
    assert render_html("<p>again</p>", text_of).value == "again"


def test_without_a_browser_rendering_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRLINE_CHROMIUM", "off")
    with pytest.raises(RenderingError) as failed:
        render_html("<p>x</p>", text_of)
    assert failed.value.reason == "no-browser"
