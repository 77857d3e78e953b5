// Bundles styles and scripts into dist/, which the program embeds.
import { build } from "esbuild";
import { rmSync, mkdirSync, writeFileSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
writeFileSync("dist/.gitkeep", "");
await build({
  entryPoints: ["src/app.ts", "src/app.css"],
  bundle: true,
  minify: true,
  outdir: "dist",
  target: ["chrome80", "safari13"],
  logLevel: "warning",
  // Tabler's own icons and fonts are not used
  external: ["*.woff", "*.woff2"],
});
