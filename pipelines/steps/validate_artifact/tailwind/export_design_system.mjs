// Writes design_system.json: what the Tailwind engine accepts, asked of the engine itself.
//
//   npm install --prefix /tmp/tailwind tailwindcss@4.3.5
//   NODE_PATH=/tmp/tailwind/node_modules node export_design_system.mjs > design_system.json
//
// The engine's class list names every value of its theme but not the open-ended ones ("p-13", "bg-[#123]/40"), so each
// functional utility ("p", "bg") is probed with one value of every kind, and each of those with modifiers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const home = dirname(require.resolve("tailwindcss/package.json"));
const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
const { __unstable__loadDesignSystem } = await import(pathToFileURL(join(home, "dist", "lib.mjs")));
const engine = await __unstable__loadDesignSystem(readFileSync(join(home, "index.css"), "utf8"));

const accepted = (candidates) => engine.candidatesToCss(candidates).map((css) => css !== null);
const accepts = (candidate) => accepted([candidate])[0];

const KINDS = {
  "non-negative-integer": "0", "positive-integer": "37", quarter: "3.25", percentage: "37%",
  fraction: "7/9", "quarter-fraction": "3.25/9",
  "arbitrary-number": "[3]", "arbitrary-length": "[3px]", "arbitrary-percentage": "[3%]",
  "arbitrary-color": "[#fff]", "arbitrary-image": "[url(x)]", "arbitrary-position": "[center_top]", "arbitrary-other": "[foo]",
  variable: "(--x)",
};

/** What may follow "/": nothing, numbers and arbitrary values, those and the names of line heights, or anything. */
function modifierKind(candidate) {
  const [any, leading, number] = accepted([`${candidate}/anything`, `${candidate}/tight`, `${candidate}/[3]`]);
  if (any) return "any";
  if (leading) return "line-height";
  return number ? "number" : "none";
}

/** The longest functional root that ends the class or stands before one of its dashes. */
function rootOf(name) {
  for (let end = name.length; end > 0; end = name.lastIndexOf("-", end - 1)) {
    if (engine.utilities.has(name.slice(0, end), "functional")) return name.slice(0, end);
  }
  throw new Error(`no functional root in ${name}`);
}

const roots = new Map();
for (const root of engine.utilities.keys("functional")) {
  const kinds = {};
  for (const [kind, probe] of Object.entries(KINDS)) {
    if (accepts(`${root}-${probe}`)) kinds[kind] = modifierKind(`${root}-${probe}`);
  }
  roots.set(root, { kinds, named: {} });
}

const statics = new Set([...engine.utilities.keys("static")].filter(accepts));
const names = new Set([...engine.getClassList().map(([name]) => name), ...roots.keys()].filter(accepts));
for (const name of [...names].filter((name) => !statics.has(name)).sort()) {
  const root = rootOf(name);
  (roots.get(root).named[modifierKind(name)] ??= []).push(name.slice(root.length + 1));
}

// Utilities that take the same values share one entry, and equal lists of values are written once.
const lists = new Map();
const shapes = new Map();
for (const [root, { kinds, named }] of roots) {
  const references = Object.entries(named).map(([modifier, values]) => {
    const key = JSON.stringify(values);
    if (!lists.has(key)) lists.set(key, lists.size);
    return [modifier, lists.get(key)];
  });
  const shape = JSON.stringify({ kinds, named: Object.fromEntries(references) });
  shapes.set(shape, [...(shapes.get(shape) ?? []), root]);
}

const lines = (items) => items.map((item) => `  ${JSON.stringify(item)}`).join(",\n");
process.stdout.write(`{
"generatedBy": "export_design_system.mjs",
"package": "tailwindcss",
"version": ${JSON.stringify(version)},
"licence": "MIT",
"lineHeights": ${JSON.stringify([...engine.theme.namespace("--leading").keys(), "none"].filter(Boolean))},
"statics": ${JSON.stringify([...statics].sort())},
"utilities": [
${lines([...shapes].map(([shape, names]) => ({ roots: names, ...JSON.parse(shape) })))}
],
"values": [
${[...lists.keys()].map((list) => `  ${list}`).join(",\n")}
],
"variants": [
${lines(engine.getVariants().map(({ name, values, isArbitrary }) => ({ name, values, isArbitrary })))}
]
}
`);
