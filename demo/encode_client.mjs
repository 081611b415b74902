// Embeddings of pictures of people from JavaScript: node encode_client.mjs a.jpg b.jpg
// Needs Node 18 or newer and a running server: reid-track encode-server
import { readFile } from "node:fs/promises";

const server = process.env.REID_ENCODE_SERVER ?? "http://127.0.0.1:9110";
const files = process.argv.slice(2);

const form = new FormData();
for (const file of files) form.append("crops", new Blob([await readFile(file)]), file);
const answer = await fetch(`${server}/v1/crops`, { method: "POST", body: form });
if (!answer.ok) throw new Error(`${answer.status}: ${(await answer.json()).detail}`);

const { embeddings } = await answer.json();
const similarity = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
for (const [i, file] of files.entries())
  console.log(file, embeddings.map((other) => similarity(embeddings[i], other).toFixed(3)).join(" "));
