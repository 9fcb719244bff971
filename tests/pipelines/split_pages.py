"""Pages and pictures that the tests of ``layout_split`` cut up."""

import io
from typing import Any

from PIL import Image, ImageDraw

from pipelines.designs.bundle import DesignBundle
from pipelines.steps.contract import StepContext, StepResult
from pipelines.steps.layout_split import layout_split

SHEET = """
body { margin: 0; font-family: sans-serif; }
nav, header, section, footer { padding: 40px 80px; }
nav { padding: 16px 80px; background: #222; }
.dark { background: #135; }
.cards { display: flex; gap: 20px; }
.cards > div { flex: 1 1 0; }
.hidden { display: none; }
"""

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Harbour Bikes</title><link rel="stylesheet" href="site.css"></head>
<body>
  <!-- the way around -->
  <nav><a href="/">Harbour Bikes</a> <a href="/rent">Rent</a> <a href="/repair">Repair</a></nav>
  <main>
    <header class="dark"><h1>Bikes by the water</h1><p>Rented by the hour.</p>
      <a class="btn" href="/rent">Rent one</a></header>
    <section id="why">
      <h2>Why ride with us</h2>
      <div class="cards">
        <div><h3>Light</h3><p>Nine kilos, no more.</p></div>
        <div><h3>Safe</h3><p>Checked every morning.</p></div>
        <div><h3>Cheap</h3><p>Four coins an hour.</p></div>
      </div>
    </section>
    <section>
      <h2>Contact us</h2>
      <form onsubmit="steal()"><input name="name"><input name="mail" type="email"><textarea name="text"></textarea>
        <button>Send</button></form>
      <p class="hidden">A secret for nobody.</p>
      <a href="javascript:alert(1)">Call</a>
      <script>console.log("never shown")</script>
    </section>
  </main>
  <footer><p>© 2024 Harbour Bikes</p></footer>
</body>
</html>
"""


def page(html: str | bytes, **files: bytes) -> DesignBundle:
    content = html.encode() if isinstance(html, str) else html
    named = {name.replace("_", "."): data for name, data in files.items()}
    return DesignBundle("html", "index.html", "index.html", {"index.html": content, **named})


def split(design: DesignBundle | str | bytes, **params: Any) -> StepResult:
    bundle = design if isinstance(design, DesignBundle) else page(design)
    return layout_split(StepContext(params={"rendering": "never", **params}, design=bundle))


def parts(design: DesignBundle | str | bytes, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = split(design, **params).ir["parts"]
    return found


def harbour() -> DesignBundle:
    return page(PAGE, site_css=SHEET.encode())


def screenshot(*bands: tuple[int, str, str], width: int = 800, margin: int = 60) -> Image.Image:
    """A drawn page: one band per ``(height, background, ink)`` with a block of ink-coloured lines in its middle."""
    image = Image.new("RGB", (width, sum(height for height, _, _ in bands)), "white")
    draw = ImageDraw.Draw(image)
    top = 0
    for height, background, ink in bands:
        draw.rectangle((0, top, width, top + height - 1), fill=background)
        for y in range(top + margin, top + height - margin, 12):
            for x in range(100, width - 100, 24):
                draw.rectangle((x, y, x + 14, y + 6), fill=ink)
        top += height
    return image


def encoded(image: Image.Image, name: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def picture(content: Image.Image | bytes) -> DesignBundle:
    data = content if isinstance(content, bytes) else encoded(content)
    return DesignBundle("image", "page.png", "page.png", {"page.png": data})
