// Draws anew when an alert would have fired, while its rule is changed.
const WAIT_MS = 400;
const place = document.querySelector("[data-alert-preview]");
const form = document.getElementById("alert_form");
let timer = 0;
let asked = null;

async function draw() {
    asked?.abort();
    asked = new AbortController();
    const rule = new URLSearchParams([...new FormData(form)].filter(([name, value]) => typeof value === "string" && !name.startsWith("csrf")));
    try {
        const answer = await fetch(`${place.dataset.alertPreview}?${rule}`, { signal: asked.signal });
        if (answer.ok) place.innerHTML = await answer.text();
    } catch (error) {
        if (error.name !== "AbortError") place.textContent = "The preview could not be had. Save the alert to see it.";
    }
}

for (const name of ["input", "change"]) {
    form?.addEventListener(name, () => {
        clearTimeout(timer);
        timer = setTimeout(draw, WAIT_MS);
    });
}
// Select2 tells jQuery alone.
window.django?.jQuery?.(form).on("change", () => form.dispatchEvent(new Event("input")));
