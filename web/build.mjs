// Bundles styles and scripts into dist/, which the program embeds.
import { build } from "esbuild";
import { copyFileSync, rmSync, mkdirSync, writeFileSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
writeFileSync("dist/.gitkeep", "");
copyFileSync("src/icon.svg", "dist/icon.svg");
await build({
  entryPoints: [
    { in: "src/app.ts", out: "app" },
    { in: "src/app.css", out: "app" },
    { in: "src/offline/phone.ts", out: "phone" },
    { in: "src/offline/worker.ts", out: "worker" },
  ],
  bundle: true,
  minify: true,
  outdir: "dist",
  target: ["chrome80", "safari13"],
  // Safari 13 has it, but for an edge case that is not written here
  supported: { destructuring: true },
  logLevel: "warning",
  // Tabler's own icons and fonts are not used
  external: ["*.woff", "*.woff2"],
});
