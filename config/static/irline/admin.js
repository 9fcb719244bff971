// Unfold's menus, toggles and icon buttons are plain elements with click handlers. This makes each of them a
// button for the keyboard and for screen readers, gives icons that say nothing a name, and the page its landmark.
const NAMES = {
    dock_to_right: "Show or hide the menu",
    search: "Search",
    manage_search: "Search",
    add: "Add",
    edit_square: "Change",
    visibility: "View",
};

const SCROLLERS = { "nav-sidebar-apps": "Menu", result_list: "Rows", "changelist-filter": "Filters" };

function nameScroller(element, index) {
    const known = Object.keys(SCROLLERS).find((id) => element.id === id || element.querySelector(`#${id}`) || element.closest(`#${id}`));
    element.dataset.simplebarAriaLabel = SCROLLERS[known] || `Scrolling area ${index + 1}`;
}

function makeButton(element) {
    if (element.matches("button, input, select, textarea, [href], [tabindex], form, body")) return;
    if (element.matches("#changelist-filter-close, .result-list *, [x-ref]")) return;
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        element.click();
    });
}

function nameIcon(element) {
    const icon = element.querySelector(".material-symbols-outlined") || element;
    const glyph = icon.textContent.trim();
    icon.setAttribute("aria-hidden", icon === element ? "false" : "true");
    if (element.textContent.trim() !== glyph || element.hasAttribute("aria-label")) return;
    element.setAttribute("aria-label", element.title || NAMES[glyph] || glyph.replaceAll("_", " "));
}

// Inputs of a table's rows have no label of their own: the column's heading names them.
function nameCell(input) {
    const cell = input.closest("td");
    if (!cell || input.labels?.length || input.hasAttribute("aria-label") || input.type === "hidden") return;
    const heading = cell.closest("table").querySelectorAll("thead th")[cell.cellIndex];
    const text = heading?.textContent.trim();
    if (text) input.setAttribute("aria-label", text);
}

function nameEmptyHeading(heading) {
    if (heading.textContent.trim() || heading.querySelector("input")) return;
    const text = document.createElement("span");
    text.className = "visually-hidden";
    text.textContent = "Actions";
    heading.append(text);
}

// select2 draws its own box beside the select it stands for, and names it after what is chosen: nothing at first.
function nameSelect2(select) {
    const label = select.labels?.[0];
    const name = label ? label.textContent.replace("*", "").trim() : select.getAttribute("aria-label") || "Choose";
    for (const box of select.nextElementSibling?.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]") ?? []) {
        box.setAttribute("aria-label", name);
        box.removeAttribute("aria-labelledby");
    }
}

// Django's own scripts build their widgets when the page has loaded, so these wait for them.
window.addEventListener("load", () => setTimeout(() => {
    document.querySelectorAll("select.select2-hidden-accessible").forEach(nameSelect2);
    document.querySelectorAll("span.help-tooltip").forEach((tip) => tip.setAttribute("role", "img"));
}));

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("td input, td select, td textarea").forEach(nameCell);
    document.querySelectorAll("thead th").forEach(nameEmptyHeading);
    (document.getElementById("main") || document.getElementById("page")).setAttribute("role", "main");
    document.querySelectorAll("[data-simplebar]").forEach(nameScroller);
    document.querySelectorAll("[x-on\\:click]").forEach(makeButton);
    document.querySelectorAll("button, a[href], [role=button]").forEach((element) => {
        if (element.querySelector(".material-symbols-outlined") || element.matches(".material-symbols-outlined")) nameIcon(element);
    });
});
