// Ties each box drawn over a page's picture to its entry in the list beside it, and follows a run that is under way.
const POLL_MS = 2000;
const POLL_SHARE = 10; // Asking takes at most a tenth of the time.

function mark(event, on) {
    const part = event.target.closest?.(".split [data-part]");
    if (!part) return;
    for (const twin of part.closest(".split").querySelectorAll(`[data-part="${part.dataset.part}"]`)) twin.classList.toggle("is-lit", on);
}

for (const [name, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
    document.addEventListener(name, (event) => mark(event, on));
}

const FOCUSABLE = "a[href], button, summary, input, textarea, select, [tabindex]";
const place = document.querySelector("[data-run-url]");
const news = document.querySelector("[role=status][data-run-news]");
const shownHtml = new Map();
let timer = 0;

function partsOf(content) {
    return [...content.children].filter((child) => child.dataset.part);
}

function detailsOf(part) {
    return [...part.querySelectorAll("details")].map((each, index) => [each.dataset.key ?? index, each]);
}

// What somebody opened, scrolled to or has the focus on in a part stays so in the part that takes its place.
function exchange(old, fresh) {
    const opened = new Map(detailsOf(old).map(([key, each]) => [key, each.open]));
    const scrolled = [...old.querySelectorAll("[data-keep-scroll]")].map((each) => [each.scrollLeft, each.scrollTop]);
    const focused = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    const address = document.activeElement.getAttribute?.("href");
    old.replaceWith(fresh);
    detailsOf(fresh).forEach(([key, each]) => (each.open = opened.get(key) ?? each.open));
    fresh.querySelectorAll("[data-keep-scroll]").forEach((each, index) => each.scrollTo(...(scrolled[index] ?? [0, 0])));
    if (focused < 0) return;
    const candidates = [...fresh.querySelectorAll(FOCUSABLE)];
    const same = address && candidates.find((each) => each.getAttribute("href") === address);
    (same || candidates[focused])?.focus({ preventScroll: true });
}

// Only the parts that changed are exchanged, so that pictures and previews elsewhere stay loaded.
function show(text) {
    const content = place.firstElementChild;
    const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
    if (!fresh?.dataset.runEtag) return;
    const old = new Map(partsOf(content).map((part) => [part.dataset.part, part]));
    let before = null;
    for (const part of partsOf(fresh)) {
        const html = part.outerHTML;
        const here = old.get(part.dataset.part);
        old.delete(part.dataset.part);
        let now = here;
        if (!here || shownHtml.get(part.dataset.part) !== html) {
            now = document.adoptNode(part);
            if (here) exchange(here, now);
        }
        if (now.previousElementSibling !== before || !now.isConnected) (before ? before.after(now) : content.prepend(now));
        shownHtml.set(part.dataset.part, html);
        before = now;
    }
    old.forEach((part) => part.remove());
    if (content.dataset.runNews !== fresh.dataset.runNews) news.textContent = fresh.dataset.runNews;
    Object.assign(content.dataset, fresh.dataset);
}

async function follow() {
    const content = place.firstElementChild;
    if (content.dataset.runLive !== "true" || document.hidden) return;
    const began = performance.now();
    const headers = { "If-None-Match": content.dataset.runEtag };
    const answer = await fetch(place.dataset.runUrl, { headers, cache: "no-store" }).catch(() => null);
    if (answer?.ok && !answer.redirected) show(await answer.text());
    timer = setTimeout(follow, Math.max(POLL_MS, POLL_SHARE * (performance.now() - began)));
}

document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) follow();
});

partsOf(place.firstElementChild).forEach((part) => shownHtml.set(part.dataset.part, part.outerHTML));
timer = setTimeout(follow, POLL_MS);
