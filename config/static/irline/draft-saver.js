// Keeps the draft of a form on the server as it is typed, and says so, or why not.
const PAUSE_MS = 800;
const AGAIN_MS = 5000; // between tries to save what could not be saved
const MOST_AFTER_LEAVING = 60_000; // bytes: a browser sends 64 KiB at most for a page that is gone
const SIGNED_OUT = "you are signed out. Sign in in another tab, then this is saved.";
const SILENT = "the server does not answer. Stay here: it is tried again.";

// Signing in again, in another tab, gives a new token to the browser's cookie and not to this page.
function token() {
    const cookie = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
    return cookie?.slice("csrftoken=".length) ?? document.querySelector("[name=csrfmiddlewaretoken]").value;
}

function renewTokens() {
    const now = token();
    for (const each of document.querySelectorAll("[name=csrfmiddlewaretoken]")) each.value = now;
}

// Whoever is signed out is sent to the page to sign in, which is no answer to what was asked.
function post(url, body, type, keepalive = false) {
    const headers = { "Content-Type": type, "X-CSRFToken": token() };
    return fetch(url, { method: "POST", redirect: "manual", keepalive, headers, body });
}

// `isRefused` says that the server read the draft and does not take it: asking again changes nothing.
class Saver {
    // `read` gives what stands in the form's fields now.
    constructor({ form, url, read, status }) {
        this.url = url;
        this.read = () => JSON.stringify(read());
        this.status = status;
        this.sent = this.read();
        this.last = Promise.resolve();
        this.hasFailed = false;
        this.isRefused = false;
        this.isStopped = false;
        document.addEventListener("input", (event) => (event.target.form === form) && this.soon(PAUSE_MS));
        document.addEventListener("visibilitychange", () => (document.hidden ? this.parting() : this.hasFailed && this.save()));
        window.addEventListener("beforeunload", (event) => this.ask(event));
    }

    get isDirty() {
        return !this.isStopped && this.read() !== this.sent;
    }

    soon(pause) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.save(), pause);
    }

    stop() {
        clearTimeout(this.timer);
        this.isStopped = true;
    }

    // One after the other, so that no older draft comes after a newer one.
    save() {
        clearTimeout(this.timer);
        this.last = this.last.then(() => this.isDirty && this.send(this.read()));
        return this.last;
    }

    // Until all is kept that was typed meanwhile, or it cannot be.
    async settle() {
        do await this.save(); while (this.isDirty && !this.hasFailed);
    }

    // The page may be gone before an earlier answer is there, so this one waits for nothing.
    parting() {
        const body = this.read();
        if (this.isDirty && fitsAfterLeaving(body)) this.last = Promise.all([this.last, this.send(body, true)]);
    }

    ask(event) {
        if (this.isDirty && (this.hasFailed || !fitsAfterLeaving(this.read()))) event.preventDefault();
    }

    async send(body, keepalive = false) {
        const answer = await post(this.url, body, "application/json", keepalive).catch(() => null);
        const said = await answer?.json().catch(() => null);
        if (this.isStopped) return;
        this.hasFailed = !(answer?.ok && said && "reservedUntil" in said);
        this.isRefused = this.hasFailed && Boolean(said?.code);
        if (this.hasFailed) return this.failed(answer, said);
        this.sent = body;
        this.tell(`Saved ${new Date().toLocaleTimeString()}.`);
    }

    failed(answer, said) {
        const isSignedOut = answer?.type === "opaqueredirect";
        const why = said?.detail ?? (answer?.status ? `the server answered ${answer.status}. It is tried again.` : SILENT);
        this.tell(`Not saved: ${isSignedOut ? SIGNED_OUT : why}`, true);
        if (!this.isRefused) this.soon(AGAIN_MS);
    }

    tell(text, isFault = false) {
        this.status.textContent = text;
        this.status.classList.toggle("field-error", isFault);
    }
}

function fitsAfterLeaving(body) {
    return new Blob([body]).size <= MOST_AFTER_LEAVING;
}

Object.assign(window, { Saver, post, renewTokens });
