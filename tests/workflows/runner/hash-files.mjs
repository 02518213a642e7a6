// hashFiles() as the runner defines it: SHA-256 over the SHA-256 of every matching file, in path order.
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const SPECIAL = /[.+^${}()|[\]\\]/g;

function matcher(pattern) {
  const source = pattern
    .replace(/^\.\//, "")
    .replace(SPECIAL, "\\$&")
    .replace(/\*\*\/|\*\*|\*|\?/g, (glob) => ({ "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" })[glob]);
  return new RegExp(`^${source}$`);
}

function select(files, patterns) {
  let chosen = new Set();
  for (const pattern of patterns) {
    const excluded = pattern.startsWith("!");
    const expression = matcher(excluded ? pattern.slice(1) : pattern);
    for (const file of files.filter((name) => expression.test(name))) {
      if (excluded) chosen.delete(file);
      else chosen.add(file);
    }
  }
  return [...chosen].sort();
}

const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest();

export function hashFiles(workspace, patterns) {
  const entries = fs.readdirSync(workspace, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(workspace, path.join(entry.path, entry.name)));
  const chosen = select(files, patterns);
  if (chosen.length === 0) return "";
  return sha256(Buffer.concat(chosen.map((name) => sha256(fs.readFileSync(path.join(workspace, name)))))).toString("hex");
}
