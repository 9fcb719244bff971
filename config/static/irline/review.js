// Keys, drafts and the checking of corrections on the review screen. Without this the page is a plain form.
const CHECK_MS = 300;

const screen = document.querySelector("[data-review]");
const form = document.getElementById("review-form");
const ahead = document.querySelector("[data-ahead]");
const corrector = document.querySelector("[data-corrector]");
const keys = document.querySelector("[data-keys]");
const lines = document.querySelector("[data-takes-answers=true] .json.noted");
const opened = performance.now();
let tabbed = false;
let saver = null;

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
    return { answers, correction: corrected, comments: data.get("comments"), remarks: remarks.filter((each) => each.path || each.comment) };
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
        if (found) this.editor.show(found.problems, found.summary);
        else this.editor.show([], answer?.type === "opaqueredirect" ? "Not checked: you are signed out." : "Not checked: the server does not answer.");
    }
}

function questions() {
    return [...document.querySelectorAll("[data-question]")];
}

function fieldOf(question) {
    return question?.querySelector("input:not([type=radio]), textarea");
}

function isOpen(question) {
    const field = fieldOf(question);
    return field ? question.hasAttribute("data-required") && !field.value.trim() : !question.querySelector(":checked");
}

// Where the focus went away from a question, or `n` and `p` went to it: it is the marked one until it is answered.
let kept = null;

function focusedQuestion() {
    const focused = document.activeElement;
    return focused?.matches(":focus-visible") ? focused.closest("[data-question]") : null;
}

// The question that the digits answer: the one with the focus, else the first that still wants an answer.
function asked() {
    return focusedQuestion() ?? kept ?? questions().find(isOpen);
}

function mark() {
    const now = asked();
    for (const each of questions()) each.classList.toggle("is-asked", each === now);
}

function goTo(question) {
    kept = question;
    const field = fieldOf(question);
    (field ?? question.querySelector(":checked") ?? question.querySelector("input")).focus();
    field?.select();
    mark();
}

// A field that is marked and has no focus yet is gone to first.
function step(by) {
    const all = questions();
    if (!all.length) return;
    const now = asked();
    const isToEnter = by > 0 && now && now !== kept && fieldOf(now) && !focusedQuestion();
    const place = now ? all.indexOf(now) + by : by > 0 ? 0 : -1;
    goTo(isToEnter ? now : all.at(place % all.length));
}

// The digit itself is typed by the browser into the field that has the focus now. Says whether it was a choice.
function choose(digit) {
    const now = asked();
    const field = fieldOf(now);
    if (field?.inputMode === "decimal") goTo(now);
    if (field || !now) return false;
    const choice = now.querySelectorAll("[type=radio]")[digit - 1];
    if (!choice) return true;
    kept = null;
    choice.checked = true;
    choice.dispatchEvent(new Event("input", { bubbles: true }));
    document.activeElement?.blur?.();
    mark();
    return true;
}

function onInput(event) {
    if (event.target.type === "radio") kept = null;
    mark();
}

// The mark stays at a question that was left without an answer, so that `n` goes on from there.
function leaveField(field) {
    const question = field.closest("[data-question]");
    if (question) kept = field.value.trim() && questions().some(isOpen) ? null : question;
    field.blur();
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

// What could not be saved keeps the page open, unless its user says otherwise; an answer given meanwhile goes first.
async function leave(go) {
    await saver?.settle();
    if (!saver?.isStopped) go();
}

function go(where) {
    if (screen.dataset[where]) leave(() => location.assign(screen.dataset[where]));
    else if (where === "after") ahead.requestSubmit();
}

// The reviewers in turn; after the last the adjudicator's own draft.
function begin() {
    const links = [...document.querySelectorAll("[data-begin]")];
    if (!links.length) return;
    const now = links.findIndex((each) => each.ariaCurrent);
    leave(() => location.assign(links[now + 1]?.href ?? location.pathname));
}

const ACTIONS = {
    n: () => step(1),
    p: () => step(-1),
    m: () => form?.elements.comments.focus(),
    r: () => lastRemark()?.querySelector("[name=remark_path]").focus(),
    l: enterLines,
    b: begin,
    a: () => decide("accept"),
    c: () => decide("correct"),
    x: () => decide("reject"),
    s: () => decide("skip"),
    g: () => decide("release"),
    e: edit,
    j: () => go("after"),
    k: () => go("before"),
    "?": () => keys.showModal(),
};

// A key that is held goes on into the pages that follow, where nobody meant it.
function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const field = event.target.closest("input:not([type=radio]), textarea, select");
    if (field) {
        if (event.key === "Escape") leaveField(field);
        return;
    }
    if (event.repeat) return;
    if (/^[0-9]$/.test(event.key)) {
        if (choose(Number(event.key))) event.preventDefault();
        return;
    }
    const action = ACTIONS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
}

function allLines() {
    return [...lines.querySelectorAll(".json-line")];
}

function goToLine(line) {
    if (!line) return;
    lines.querySelector("[data-current]")?.removeAttribute("data-current");
    line.dataset.current = "";
    line.tabIndex = -1;
    line.focus();
}

// The line where one was, else the first that has a fault, else the first.
function enterLines() {
    if (!lines) return;
    lines.closest("details").open = true;
    goToLine(lines.querySelector("[data-current]") ?? lines.querySelector(".has-notes") ?? lines.querySelector(".json-line"));
}

const LINE_KEYS = {
    ArrowDown: (all, at) => all[at + 1],
    ArrowUp: (all, at) => all[Math.max(at - 1, 0)],
    Home: (all) => all[0],
    End: (all) => all.at(-1),
};

function onLineKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = allLines();
    const at = all.indexOf(event.target);
    const to = LINE_KEYS[event.key];
    if (event.key === "Escape") event.target.blur();
    else if (event.key === "Enter" && at >= 0) remarkAt(all[at].dataset.path);
    else if (to) goToLine(to(all, at));
    else return;
    event.preventDefault();
}

function lastRemark() {
    return [...document.querySelectorAll("[data-remarks] li")].at(-1);
}

function remarkAt(path) {
    const last = lastRemark();
    last.querySelector("[name=remark_path]").value = path;
    last.querySelector("[name=remark_comment]").focus();
}

// There is always one empty row for the next remark.
function growRemarks() {
    const last = lastRemark();
    if (!last.querySelector("[name=remark_comment]").value) return;
    const next = last.cloneNode(true);
    next.querySelectorAll("input").forEach((input) => { input.value = ""; });
    last.after(next);
}

// Nothing typed is left to an answer that does not get through: it is saved first, and what cannot be saved is not sent,
// but for what the server refuses anyway, as its page then says why.
async function send(event) {
    if (!saver.isDirty || saver.isRefused) {
        saver.stop();
        renewTokens();
        form.elements.took_ms.value = Math.round(performance.now() - opened);
        return;
    }
    event.preventDefault();
    await saver.settle();
    if (!saver.isStopped && (!saver.hasFailed || saver.isRefused)) form.requestSubmit(event.submitter);
}

// A link to elsewhere, and the next item, wait until what was typed is kept.
function keepFirst() {
    screen.addEventListener("click", (event) => {
        const link = event.target.closest("a[href]");
        if (!link || !saver.isDirty || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        leave(() => location.assign(link.href));
    });
    ahead.addEventListener("submit", (event) => {
        event.preventDefault();
        leave(() => {
            renewTokens();
            ahead.submit();
        });
    });
}

function answerable() {
    saver = new Saver({ form, url: screen.dataset.draftUrl, read: draft, status: document.querySelector("[data-saved]") });
    const area = correction();
    if (area?.matches("[data-editor]")) new Corrector(area);
    form.addEventListener("submit", send);
    keepFirst();
    document.querySelector("[data-help]").addEventListener("click", () => keys.showModal());
    document.querySelector("[data-remarks]").addEventListener("input", growRemarks);
    lines?.addEventListener("click", (event) => {
        const line = event.target.closest(".json-line");
        if (line) remarkAt(line.dataset.path);
    });
    lines?.addEventListener("keydown", onLineKey);
    form.addEventListener("input", onInput);
    form.addEventListener("focusin", mark);
    form.addEventListener("focusout", () => setTimeout(mark));
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
window.addEventListener("pageshow", (event) => event.persisted && location.reload()); // what it was when it was left
if (form) answerable();
