// Checks the schema and the document to try as they are typed, and brings comparisons and replays into the page.
const PAUSE_MS = 300;

async function post(url, texts) {
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(texts) });
    const body = await answer.json().catch(() => ({ detail: "The server gave no answer that can be read." }));
    if (!answer.ok) throw new Error(body.detail);
    return body;
}

function counted(problems) {
    const errors = problems.filter((each) => each.severity === "error").length;
    const warnings = problems.length - errors;
    const parts = [errors && `${errors} error${errors > 1 ? "s" : ""}`, warnings && `${warnings} warning${warnings > 1 ? "s" : ""}`];
    return `${parts.filter(Boolean).join(", ")}. F8 goes to the next.`;
}

class Trial {
    constructor(panel) {
        this.panel = panel;
        this.schema = new SchemaEditor(document.querySelector("[data-editor=schema]"));
        this.document = new SchemaEditor(document.querySelector("[data-editor=document]"));
        this.verdict = panel.querySelector("[data-verdict]");
        this.round = 0;
        for (const { area } of [this.schema, this.document]) area.addEventListener("input", () => this.soon());
        panel.querySelector("[data-example]").addEventListener("click", () => this.example());
        this.check();
    }

    soon() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.check(), PAUSE_MS);
    }

    // An answer that comes after a later question is of no interest any more.
    async check() {
        const round = ++this.round;
        try {
            const found = await post(this.panel.dataset.checkUrl, { schema: this.schema.area.value, document: this.document.area.value });
            if (round === this.round) this.show(found);
        } catch (error) {
            if (round === this.round) this.schema.show([], `Not checked: ${error.message}`);
        }
    }

    show({ problems, usable, document: judged }) {
        this.schema.show(problems, problems.length ? counted(problems) : "No problems.");
        const cut = judged && judged.errorCount > judged.problems.length ? ` The first ${judged.problems.length} of ${judged.errorCount} are shown.` : "";
        this.document.show(judged?.problems ?? [], judged?.problems.length ? counted(judged.problems) + cut : "");
        if (judged) this.say(judged.valid ? "Valid" : "Not valid", judged.valid ? "success" : "danger");
        else this.say(!usable && this.document.area.value.trim() ? "Mend the schema first" : "", "warning");
    }

    say(text, colour) {
        this.verdict.hidden = !text;
        this.verdict.className = `chip chip-${colour}`;
        this.verdict.textContent = text;
    }

    async example() {
        try {
            const { text } = await post(this.panel.dataset.exampleUrl, { schema: this.schema.area.value });
            this.document.area.value = text;
            this.document.area.dispatchEvent(new Event("input"));
        } catch (error) {
            this.say(error.message, "warning");
        }
    }
}

// A form with data-into asks for a page and shows that part of it here.
async function bring(form) {
    const place = document.getElementById(form.dataset.into);
    const progress = form.querySelector("[data-progress]");
    progress.textContent = "Working…";
    place.setAttribute("aria-busy", "true");
    const answer = await fetch(`${form.action}?${new URLSearchParams(new FormData(form))}`).catch(() => null);
    const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page && page.getElementById(form.dataset.into);
    if (found) place.replaceChildren(...found.childNodes);
    progress.textContent = found ? "Done." : "That did not work. Load the page again, then repeat it.";
    place.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-into]")) return;
    event.preventDefault();
    bring(event.target);
});

const sight = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        sight.unobserve(target);
        bring(target);
    }
});
document.querySelectorAll("form[data-on-sight]").forEach((form) => sight.observe(form));

const panel = document.querySelector("[data-check-url]");
if (panel) new Trial(panel);
