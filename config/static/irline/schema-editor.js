// Gives a plain textarea line numbers, and problems at the line where they stand. The text itself stays the textarea's
// own, so everything a keyboard or a screen reader does with a text box works as ever; Tab leaves it.
const PROBLEM_KEY = "F8";

function element(name, className, text = "") {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
}

class SchemaEditor {
    constructor(area) {
        this.area = area;
        this.problems = [];
        this.current = -1;
        this.frame = element("div", "editor");
        this.gutter = element("div", "editor-gutter");
        this.numbers = element("div", "editor-numbers");
        this.marks = element("div", "editor-marks");
        this.status = element("p", "editor-status");
        this.list = element("ul", "editor-problems");
        this.build();
        area.addEventListener("input", () => this.number());
        area.addEventListener("scroll", () => this.follow());
        area.addEventListener("keydown", (event) => this.onKey(event));
        this.number();
    }

    build() {
        const body = element("div", "editor-body");
        this.gutter.setAttribute("aria-hidden", "true");
        this.marks.setAttribute("aria-hidden", "true");
        this.status.setAttribute("role", "status");
        this.status.id = `${this.area.dataset.editor}-status`;
        this.list.setAttribute("aria-label", "Problems");
        this.area.setAttribute("aria-describedby", `${this.area.getAttribute("aria-describedby") ?? ""} ${this.status.id}`.trim());
        this.area.before(this.frame);
        this.gutter.append(this.numbers);
        body.append(this.marks, this.area);
        this.frame.append(this.gutter, body);
        this.frame.after(this.status, this.list);
    }

    number() {
        const count = this.area.value.split("\n").length;
        if (count === this.count) return;
        this.count = count;
        this.numbers.textContent = Array.from({ length: count }, (_, index) => index + 1).join("\n");
        this.follow();
    }

    follow() {
        this.numbers.style.transform = `translateY(${-this.area.scrollTop}px)`;
        this.marks.style.transform = `translate(${-this.area.scrollLeft}px, ${-this.area.scrollTop}px)`;
    }

    // `problems` are {line, column, severity, path, message, hint}; `summary` is a sentence.
    show(problems, summary) {
        this.problems = problems;
        this.current = -1;
        if (problems.length || this.area.value !== this.area.defaultValue) this.replaceRefusal();
        this.status.textContent = summary;
        this.area.setAttribute("aria-invalid", String(problems.some((each) => each.severity === "error")));
        const lines = this.area.value.split("\n");
        const byLine = new Map();
        for (const each of problems) byLine.set(each.line, [...(byLine.get(each.line) ?? []), each]);
        this.marks.replaceChildren(...[...byLine.values()].map((here) => this.mark(here, lines[here[0].line - 1] ?? "")));
        this.list.replaceChildren(...problems.map((each) => this.entry(each)));
    }

    // What the server found when it refused to save is the same list, and is not true any more once the text changes.
    replaceRefusal() {
        const refusal = document.getElementById(`${this.area.id}_error`);
        if (!refusal) return;
        const described = this.area.getAttribute("aria-describedby").split(" ");
        this.area.setAttribute("aria-describedby", described.filter((id) => id !== refusal.id).join(" "));
        refusal.remove();
    }

    mark([problem, ...more], line) {
        const mark = element("div", `editor-mark editor-mark-${problem.severity}`);
        const note = element("span", "editor-note", problem.message + (more.length ? ` (and ${more.length} more)` : ""));
        mark.style.top = `calc(var(--editor-pad) + ${problem.line - 1} * var(--editor-line))`;
        note.style.marginLeft = `${[...line.replaceAll("\t", "  ")].length + 2}ch`;
        mark.append(note);
        return mark;
    }

    entry(problem) {
        const item = element("li", `editor-problem editor-problem-${problem.severity}`);
        const button = element("button", "text-link", `Line ${problem.line}`);
        button.type = "button";
        button.addEventListener("click", () => this.go(problem));
        item.append(button, ` ${problem.severity === "warning" ? "Warning: " : ""}${problem.message} ${problem.hint} `);
        if (problem.path) item.append(element("code", "muted", problem.path));
        return item;
    }

    onKey(event) {
        if (event.key !== PROBLEM_KEY || !this.problems.length) return;
        event.preventDefault();
        const step = event.shiftKey ? -1 : 1;
        this.current = (this.current + step + this.problems.length) % this.problems.length;
        const problem = this.problems[this.current];
        this.go(problem);
        this.status.textContent = `Line ${problem.line}: ${problem.message} ${problem.hint}`;
    }

    go({ line, column }) {
        const before = this.area.value.split("\n").slice(0, line - 1);
        const offset = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
        this.area.focus();
        this.area.setSelectionRange(offset, offset);
        this.area.scrollTop = (line - 4) * parseFloat(getComputedStyle(this.area).lineHeight);
    }
}

window.SchemaEditor = SchemaEditor;
