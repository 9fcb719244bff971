// Ties each box drawn over a page's picture to its entry in the list beside it.
for (const split of document.querySelectorAll(".split")) {
    const mark = (event, on) => {
        const part = event.target.closest("[data-part]");
        if (!part) return;
        for (const twin of split.querySelectorAll(`[data-part="${part.dataset.part}"]`)) twin.classList.toggle("is-lit", on);
    };
    for (const [name, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
        split.addEventListener(name, (event) => mark(event, on));
    }
}
