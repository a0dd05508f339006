import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A self-signed certificate, which is its own authority; PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Makes a certificate for `localhost` and 127.0.0.1 with the `openssl` command: Node can read X.509, not write it. */
export async function makeCertificate({ days = 30 }: { readonly days?: number } = {}): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), "mailfleet-certificate-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    await promisify(execFile)("openssl", [...made, ...names, "-days", `${days}`, "-keyout", key, "-out", cert]);
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  } catch (error) {
    throw new Error("no certificate: the openssl command is needed, package openssl on Debian", { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
