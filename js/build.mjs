/**
 * Builds `dist/` from `src/` and prints the sizes. The built files are committed: the service runs without Node.
 *
 *   node build.mjs           build
 *   node build.mjs --check   build in memory; fail when a committed file is another
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

/** `limit`: bytes, minified and gzipped. `FULL` is a constant: what is behind it costs the core nothing. */
const SCRIPTS = [
  { name: "wf.js", entry: "src/index.js", full: false, limit: 3072 },
  { name: "wf-full.js", entry: "src/index.js", full: true, limit: 8192 },
  { name: "wf-roistat.js", entry: "src/roistat.js", full: true, limit: 1536 },
];
const check = process.argv.includes("--check");
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The script's bytes. esbuild puts the modules together and checks the syntax; terser packs them tighter. */
async function pack({ entry, full }) {
  const bundled = await build({
    entryPoints: [here(entry)],
    bundle: true,
    format: "iife",
    target: "es2020",
    charset: "utf8",
    minifySyntax: true,
    define: { FULL: String(full) },
    write: false,
  });
  const { code } = await minify(bundled.outputFiles[0].text, {
    ecma: 2020,
    toplevel: true,
    compress: { passes: 5, keep_fargs: false, unsafe_arrows: true, pure_getters: true, hoist_funs: true, inline: 1 },
  });
  return Buffer.from(code + "\n");
}

const faults = [];
mkdirSync(here("dist"), { recursive: true });
for (const script of SCRIPTS) {
  const { name, limit } = script;
  const bytes = await pack(script);
  const zipped = gzipSync(bytes, { level: 9 }).length;
  const integrity = "sha384-" + createHash("sha384").update(bytes).digest("base64");
  console.log(`${name}: ${bytes.length} bytes, ${zipped} gzipped (limit ${limit})\n  ${integrity}`);
  const target = here(`dist/${name}`);
  if (zipped > limit) faults.push(`${name} is ${zipped - limit} bytes over its limit of ${limit} gzipped bytes`);
  else if (!check) writeFileSync(target, bytes);
  else if (!existsSync(target) || !readFileSync(target).equals(bytes))
    faults.push(`js/dist/${name} is not what js/src/ builds: run “npm run build” in js/ and commit the result`);
}
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
