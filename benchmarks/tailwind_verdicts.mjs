// Reads a JSON list of classes and writes what Tailwind's engine says of each, with the milliseconds that took.
//
//   NODE_PATH=FOLDER/node_modules node tailwind_verdicts.mjs < classes.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const home = dirname(require.resolve("tailwindcss/package.json"));
const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
const { __unstable__loadDesignSystem } = await import(pathToFileURL(join(home, "dist", "lib.mjs")));
const engine = await __unstable__loadDesignSystem(readFileSync(join(home, "index.css"), "utf8"));
const listed = new Set(engine.getClassList().map(([name]) => name));

const classes = JSON.parse(readFileSync(0, "utf8"));
const started = performance.now();
const accepted = engine.candidatesToCss(classes).map((css) => css !== null);
const milliseconds = performance.now() - started;
process.stdout.write(JSON.stringify({ version, accepted, listed: classes.map((name) => listed.has(name)), milliseconds }));
