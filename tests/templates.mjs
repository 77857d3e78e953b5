// Templates: one element a line, at most 160 characters, so that two people can change one page.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const WIDTH = 160;
const BLOCKS =
  /<(?:table|thead|tbody|tfoot|tr|td|th|caption|div|section|article|header|footer|main|nav|aside|form|fieldset|p|h[1-4]|ul|ol|li|dl|dt|dd|details|summary|label|select|option|button|body|head)\b/g;

const folder = new URL("../crates/server/templates/", import.meta.url).pathname;
const files = readdirSync(folder, { recursive: true }).filter((f) => f.endsWith(".html"));
const faults = files.flatMap((file) =>
  readFileSync(join(folder, file), "utf8")
    .split("\n")
    .flatMap((line, at) => {
      const where = `${file}:${at + 1}`;
      const elements = line.match(BLOCKS)?.length ?? 0;
      return [
        ...([...line].length > WIDTH ? [`${where}: ${[...line].length} characters`] : []),
        ...(elements > 1 ? [`${where}: ${elements} elements: ${line.trim().slice(0, 90)}`] : []),
      ];
    }),
);
console.error(faults.join("\n"));
process.exit(files.length === 0 || faults.length > 0 ? 1 : 0);
