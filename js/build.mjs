/**
 * Builds `dist/wf.js` from `src/` and prints its size. The built file is committed: the service runs without Node.
 *
 *   node build.mjs           build
 *   node build.mjs --check   build in memory; fail when the committed file is another
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const LIMIT = 3072; // bytes, minified and gzipped
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here("dist/wf.js");

// esbuild puts the modules together and checks the syntax against the oldest browsers; terser packs them tighter
const bundled = await build({
  entryPoints: [here("src/index.js")],
  bundle: true,
  format: "iife",
  target: "es2020",
  charset: "utf8",
  write: false,
});
const { code } = await minify(bundled.outputFiles[0].text, {
  ecma: 2020,
  toplevel: true,
  compress: { passes: 5, keep_fargs: false, unsafe_arrows: true, unsafe_methods: true },
});
const script = Buffer.from(code + "\n");
const zipped = gzipSync(script, { level: 9 }).length;
const integrity = "sha384-" + createHash("sha384").update(script).digest("base64");
console.log(`wf.js: ${script.length} bytes, ${zipped} gzipped (limit ${LIMIT})\n${integrity}`);

if (zipped > LIMIT) {
  console.error(`wf.js is ${zipped - LIMIT} bytes over its limit of ${LIMIT} gzipped bytes`);
  process.exit(1);
}
if (process.argv.includes("--check")) {
  if (!existsSync(target) || !readFileSync(target).equals(script)) {
    console.error("js/dist/wf.js is not what js/src/ builds: run `npm run build` in js/ and commit the result");
    process.exit(1);
  }
} else {
  mkdirSync(here("dist"), { recursive: true });
  writeFileSync(target, script);
}
