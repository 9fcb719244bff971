// Ties each box drawn over a page's picture to its entry in the list beside it, and follows a run that is under way.
const POLL_MS = 2000;

function mark(event, on) {
    const part = event.target.closest?.(".split [data-part]");
    if (!part) return;
    for (const twin of part.closest(".split").querySelectorAll(`[data-part="${part.dataset.part}"]`)) twin.classList.toggle("is-lit", on);
}

for (const [name, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
    document.addEventListener(name, (event) => mark(event, on));
}

// The page is fetched again while its run goes on, and shown where a step has moved.
async function follow() {
    const shown = document.querySelector("[data-run-state]");
    if (shown.dataset.runLive !== "true") return;
    if (!document.hidden) {
        const answer = await fetch(location.href).catch(() => null);
        if (answer?.ok && !answer.redirected) {
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const fresh = page.querySelector("[data-run-state]");
            if (fresh && fresh.dataset.runState !== shown.dataset.runState) shown.replaceWith(document.adoptNode(fresh));
        }
    }
    setTimeout(follow, POLL_MS);
}

setTimeout(follow, POLL_MS);
