// Keys, autosave and the checking of corrections on the review screen. Without this the page is a plain form.
const PAUSE_MS = 800;
const CHECK_MS = 300;
const NARROW = "(max-width: 1699px)"; // the rail then lies above the item

const screen = document.querySelector("[data-review]");
const form = document.getElementById("review-form");
const corrector = document.querySelector("[data-corrector]");
const keys = document.querySelector("[data-keys]");
const opened = performance.now();
let tabbed = false;

function token() {
    return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

function post(url, body, type) {
    return fetch(url, { method: "POST", headers: { "Content-Type": type, "X-CSRFToken": token() }, body });
}

function correction() {
    return corrector?.querySelector("textarea");
}

function draft() {
    const data = new FormData(form);
    const answers = {};
    for (const [name, value] of data) if (name.startsWith("q.") && value) answers[name.slice(2)] = value;
    const comments = data.getAll("remark_comment");
    const remarks = data.getAll("remark_path").map((path, index) => ({ path, comment: comments[index] }));
    const text = correction();
    const corrected = text && (text.value !== text.defaultValue || corrector.dataset.kept) ? text.value : "";
    return { answers, correction: corrected, comments: data.get("comments"), remarks: remarks.filter((each) => each.comment) };
}

class Saver {
    constructor(status) {
        this.status = status;
        this.sent = JSON.stringify(draft());
        document.addEventListener("input", (event) => (event.target.form === form) && this.soon());
        document.addEventListener("visibilitychange", () => document.hidden && this.save());
    }

    soon() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.save(), PAUSE_MS);
    }

    stop() {
        clearTimeout(this.timer);
        this.stopped = true;
    }

    async save() {
        const body = JSON.stringify(draft());
        if (this.stopped || body === this.sent) return;
        const answer = await post(screen.dataset.draftUrl, body, "application/json").catch(() => null);
        if (this.stopped) return;
        if (answer?.ok) {
            this.sent = body;
            this.status.textContent = `Saved ${new Date().toLocaleTimeString()}.`;
            return;
        }
        const problem = await answer?.json().catch(() => null);
        this.status.textContent = `Not saved: ${problem?.detail ?? "the server does not answer. Go on; it is tried again with your next change."}`;
    }
}

class Corrector {
    constructor(area) {
        this.editor = new SchemaEditor(area);
        this.round = 0;
        area.addEventListener("input", () => this.soon());
        corrector.addEventListener("toggle", () => corrector.open && this.check());
        if (corrector.open) this.check();
    }

    soon() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.check(), CHECK_MS);
    }

    // An answer that comes after a later question is of no interest any more.
    async check() {
        const round = ++this.round;
        const answer = await post(screen.dataset.checkUrl, this.editor.area.value, "text/plain").catch(() => null);
        const found = answer?.ok ? await answer.json().catch(() => null) : null;
        if (round !== this.round) return;
        if (!found) this.editor.show([], "Not checked: the server does not answer.");
        else this.editor.show(found.problems, found.summary);
    }
}

function questions() {
    return [...document.querySelectorAll("[data-question]")];
}

// The first question that has no answer is the one that the digits answer.
function asked() {
    return questions().find((each) => each.querySelector("[type=radio]") && !each.querySelector(":checked"));
}

function mark() {
    const now = asked();
    for (const each of questions()) each.classList.toggle("is-asked", each === now);
}

function choose(digit) {
    const focused = document.activeElement?.closest?.("fieldset[data-question]");
    const choice = (focused ?? asked())?.querySelectorAll("[type=radio]")[digit - 1];
    if (!choice) return;
    choice.checked = true;
    choice.dispatchEvent(new Event("input", { bubbles: true }));
    document.activeElement?.blur?.();
    mark();
}

function edit() {
    if (!correction()) return;
    corrector.open = true;
    correction().focus();
    correction().scrollIntoView({ block: "center" });
}

function decide(verdict) {
    form?.querySelector(`[name=verdict][value=${verdict}]:not(:disabled)`)?.click();
}

function go(where) {
    if (screen.dataset[where]) location.assign(screen.dataset[where]);
    else if (where === "after") document.querySelector("[data-ahead]").requestSubmit();
}

// The reviewers in turn; after the last the adjudicator's own draft.
function begin() {
    const links = [...document.querySelectorAll("[data-begin]")];
    if (!links.length) return;
    const now = links.findIndex((each) => each.ariaCurrent);
    location.assign(links[now + 1]?.href ?? location.pathname);
}

const ACTIONS = {
    b: begin,
    a: () => decide("accept"),
    c: () => decide("correct"),
    x: () => decide("reject"),
    s: () => decide("skip"),
    e: edit,
    j: () => go("after"),
    k: () => go("before"),
    "?": () => keys.showModal(),
};

function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const field = event.target.closest("input:not([type=radio]), textarea, select");
    if (field) {
        if (event.key === "Escape") field.blur();
        return;
    }
    const action = /^[1-9]$/.test(event.key) ? () => choose(Number(event.key)) : ACTIONS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
}

function remarkAt(path) {
    const rows = [...document.querySelectorAll("[data-remarks] li")];
    const last = rows.at(-1);
    last.querySelector("[name=remark_path]").value = path;
    last.querySelector("[name=remark_comment]").focus();
}

// There is always one empty row for the next remark.
function growRemarks() {
    const last = [...document.querySelectorAll("[data-remarks] li")].at(-1);
    if (!last.querySelector("[name=remark_comment]").value) return;
    const next = last.cloneNode(true);
    next.querySelectorAll("input").forEach((input) => { input.value = ""; });
    last.after(next);
}

function answerable() {
    const saver = new Saver(document.querySelector("[data-saved]"));
    const area = correction();
    if (area?.matches("[data-editor]")) new Corrector(area);
    form.addEventListener("submit", () => {
        saver.stop();
        form.elements.took_ms.value = Math.round(performance.now() - opened);
    });
    document.querySelector("[data-help]").addEventListener("click", () => keys.showModal());
    document.querySelector("[data-remarks]").addEventListener("input", growRemarks);
    document.querySelectorAll(".json-line").forEach((line) => line.addEventListener("click", () => remarkAt(line.dataset.path)));
    form.addEventListener("input", mark);
    mark();
}

// A click into a module's frame would take the keys with it; who goes there with Tab keeps them, to scroll.
function keepKeys() {
    const frame = document.activeElement;
    if (frame.tagName === "IFRAME" && !tabbed) setTimeout(() => { frame.blur(); window.focus(); });
}

document.addEventListener("keydown", (event) => { tabbed = event.key === "Tab"; }, true);
document.addEventListener("pointermove", () => { tabbed = false; });
document.addEventListener("keydown", onKey);
window.addEventListener("blur", keepKeys);
if (matchMedia(NARROW).matches) document.querySelector("[data-rail]").open = false;
if (form) answerable();
