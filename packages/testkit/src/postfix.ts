import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificate } from "./certificate.ts";
import { freePort, listens, peerFolder, peerProgram, requireRoot, runToEnd } from "./peer-process.ts";

export interface PostfixOptions {
  /** Where it passes all mail on to, such as `smtp-sink`. */
  readonly relayPort: number;
  /** With it STARTTLS is offered. */
  readonly certificate?: Certificate;
  /** Further lines of main.cf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A Postfix of one's own: own configuration, queue, data and log, on a free port of loopback. */
export interface PrivatePostfix extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  log(): Promise<string>;
  /** How many messages lie in its queue. */
  queued(): Promise<number>;
}

export async function privatePostfix(options: PostfixOptions): Promise<PrivatePostfix> {
  const postfix = await peerProgram("postfix", "postfix");
  const postqueue = await peerProgram("postqueue", "postfix");
  requireRoot("Postfix");
  const folder = await peerFolder("postfix");
  const port = await freePort();
  const [config, queue, data, logFile] = ["config", "queue", "data", "maillog"].map((name) =>
    join(folder.path, name),
  ) as [string, string, string, string];
  for (const path of [config, queue, data]) await mkdir(path);
  // Postfix insists that its data folder is its own.
  await runToEnd("/bin/chown", ["postfix", data]);

  const tls: Record<string, string> = {};
  if (options.certificate) {
    await writeFile(join(folder.path, "key.pem"), options.certificate.key, { mode: 0o600 });
    await writeFile(join(folder.path, "cert.pem"), options.certificate.cert);
    tls.smtpd_tls_security_level = "may";
    tls.smtpd_tls_key_file = join(folder.path, "key.pem");
    tls.smtpd_tls_cert_file = join(folder.path, "cert.pem");
  }
  const settings: Record<string, string> = {
    compatibility_level: "3.6",
    queue_directory: queue,
    data_directory: data,
    maillog_file: logFile,
    maillog_file_prefixes: folder.path,
    myhostname: "postfix.test",
    mydestination: "",
    mynetworks: "127.0.0.0/8",
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    relayhost: `[127.0.0.1]:${options.relayPort}`,
    smtpd_relay_restrictions: "permit_mynetworks, reject",
    local_recipient_maps: "",
    alias_maps: "",
    alias_database: "",
    minimal_backoff_time: "300s",
    ...tls,
    ...options.settings,
  };
  await writeFile(
    join(config, "main.cf"),
    Object.entries(settings)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(""),
  );
  await writeFile(join(config, "master.cf"), masterCf(port));

  const run = (command: string) => runToEnd(postfix, ["-c", config, command]);
  try {
    await run("start");
    await listens(port);
  } catch (error) {
    const log = await readFile(logFile, "utf8").catch(() => "");
    throw new Error(`the private Postfix did not start\n${log}`, { cause: error });
  }
  return {
    host: "127.0.0.1",
    port,
    log: () => readFile(logFile, "utf8"),
    async queued() {
      const lines = (await runToEnd(postqueue, ["-c", config, "-j"])).trim();
      return lines === "" ? 0 : lines.split("\n").length;
    },
    async [Symbol.asyncDispose]() {
      await run("stop");
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The services that relaying takes, none in a chroot. */
function masterCf(port: number): string {
  const services = [
    [`127.0.0.1:${port}`, "inet", "n", "-", "n", "-", "-", "smtpd"],
    ["pickup", "unix", "n", "-", "n", "60", "1", "pickup"],
    ["cleanup", "unix", "n", "-", "n", "-", "0", "cleanup"],
    ["qmgr", "unix", "n", "-", "n", "300", "1", "qmgr"],
    ["tlsmgr", "unix", "-", "-", "n", "1000?", "1", "tlsmgr"],
    ["rewrite", "unix", "-", "-", "n", "-", "-", "trivial-rewrite"],
    ["bounce", "unix", "-", "-", "n", "-", "0", "bounce"],
    ["defer", "unix", "-", "-", "n", "-", "0", "bounce"],
    ["trace", "unix", "-", "-", "n", "-", "0", "bounce"],
    ["verify", "unix", "-", "-", "n", "-", "1", "verify"],
    ["flush", "unix", "n", "-", "n", "1000?", "0", "flush"],
    ["proxymap", "unix", "-", "-", "n", "-", "-", "proxymap"],
    ["smtp", "unix", "-", "-", "n", "-", "-", "smtp"],
    ["relay", "unix", "-", "-", "n", "-", "-", "smtp"],
    ["showq", "unix", "n", "-", "n", "-", "-", "showq"],
    ["error", "unix", "-", "-", "n", "-", "-", "error"],
    ["retry", "unix", "-", "-", "n", "-", "-", "error"],
    ["discard", "unix", "-", "-", "n", "-", "-", "discard"],
    ["anvil", "unix", "-", "-", "n", "-", "1", "anvil"],
    ["scache", "unix", "-", "-", "n", "-", "1", "scache"],
    ["postlog", "unix-dgram", "n", "-", "n", "-", "1", "postlogd"],
  ];
  return services.map((fields) => `${fields.join("\t")}\n`).join("");
}
