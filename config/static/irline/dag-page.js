// Checks a DAG as it is typed, with problems at their line, and draws it anew while it has none.
class DagEditor {
    constructor(panel, area) {
        this.panel = panel;
        this.editor = new SchemaEditor(area);
        this.preview = panel.querySelector("[data-preview]");
        this.round = 0;
        area.addEventListener("input", () => this.soon());
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
            const { problems, picture } = await post(this.panel.dataset.dagCheckUrl, { dag: this.editor.area.value });
            if (round !== this.round) return;
            this.editor.show(problems, problems.length ? counted(problems) : "No problems.");
            if (picture) this.preview.replaceChildren(...new DOMParser().parseFromString(picture, "text/html").body.childNodes);
            this.panel.hidden &&= !picture;
        } catch (error) {
            if (round === this.round) this.editor.show([], `Not checked: ${error.message}`);
        }
    }
}

const dagPanel = document.querySelector("[data-dag-check-url]");
const dagArea = document.querySelector("[data-editor=dag]");
if (dagPanel && dagArea) new DagEditor(dagPanel, dagArea);
