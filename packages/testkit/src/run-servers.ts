/**
 * One PostgreSQL for a whole run of tests, started when the first test asks for a database, and stopped with the run.
 *
 * Runs as Vitest's global set-up. The test files live in other processes and ask over loopback HTTP; they get a
 * database of their own each, copied from a migrated template, so that a fresh one costs tens of milliseconds.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "@mailfleet/embedded";
import { type Database, migrate, openDatabase } from "@mailfleet/store";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Where test files ask for databases; the path is the secret. */
    readonly mailfleetDatabases: string;
  }
}

interface Cluster {
  readonly postgres: EmbeddedPostgres;
  readonly admin: Database;
}

const template = "mailfleet_template";
const folderPrefix = "mailfleet-test-";
const settings = { fsync: "off", full_page_writes: "off", max_connections: "400", shared_buffers: "128MB" };

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<Cluster> | undefined;
  let folder: string | undefined;
  const cluster = () => {
    starting ??= newFolder().then((made) => {
      folder = made;
      return startCluster(made);
    });
    return starting;
  };

  const secret = `/${randomBytes(16).toString("base64url")}`;
  const server = createServer((request, response) => void answer(request, response, secret, cluster));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  project.provide("mailfleetDatabases", `http://127.0.0.1:${port}${secret}`);

  return async () => {
    server.close();
    const started = await starting?.catch(() => undefined);
    await started?.admin[Symbol.asyncDispose]();
    await started?.postgres.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  };
}

async function startCluster(folder: string): Promise<Cluster> {
  const postgres = await startEmbeddedPostgres({ dataDir: folder, settings, stopWithParent: true });
  const admin = openDatabase({ url: postgres.url, poolSize: 4, statementTimeoutMs: 60_000 });
  await admin.query(`create database ${template}`);
  await migrate(urlOf(postgres, template));
  return { postgres, admin };
}

/** `POST` makes a database (`?empty` without our schema), `DELETE ?name=` drops it. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  secret: string,
  cluster: () => Promise<Cluster>,
): Promise<void> {
  const asked = new URL(request.url ?? "/", "http://127.0.0.1");
  try {
    if (asked.pathname !== secret) return void response.writeHead(404).end();
    const { postgres, admin } = await cluster();
    if (request.method === "DELETE") {
      await drop(admin, asked.searchParams.get("name") ?? "");
      return void response.writeHead(204).end();
    }
    const name = `test_${randomBytes(8).toString("hex")}`;
    await admin.query(`create database ${name} template ${asked.searchParams.has("empty") ? "template0" : template}`);
    response.writeHead(201).end(JSON.stringify({ name, url: urlOf(postgres, name) }));
  } catch (error) {
    response.writeHead(500).end(inspect(error));
  }
}

async function drop(admin: Database, name: string): Promise<void> {
  if (!/^test_[0-9a-f]{16}$/.test(name)) throw new Error(`"${name}" is not a database of a test's`);
  await admin.query(`drop database if exists ${name} with (force)`);
}

function urlOf(postgres: EmbeddedPostgres, database: string): string {
  const url = new URL(postgres.url);
  url.pathname = `/${database}`;
  return url.href;
}

/** A folder named for this process, after removing those of runs that were killed. */
async function newFolder(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const owner = name.startsWith(folderPrefix) ? Number(name.slice(folderPrefix.length).split("-")[0]) : Number.NaN;
    if (Number.isInteger(owner) && !isAlive(owner)) {
      await rm(path.join(tmpdir(), name), { recursive: true, force: true }).catch(() => {}); // Perhaps another user's.
    }
  }
  const folder = await mkdtemp(path.join(tmpdir(), `${folderPrefix}${process.pid}-`));
  await chmod(folder, 0o711); // As root, PostgreSQL runs as another user, who must get in.
  return folder;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
