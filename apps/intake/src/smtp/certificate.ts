import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { every } from "@mailfleet/service";

/** A certificate chain and its private key, in PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** How often the files are looked at. Watching them is no use where a platform swaps links to folders. */
const lookAgainMs = 10_000;

/** Reads both, and rejects where one cannot be read or they do not belong together. */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  createSecureContext({ cert, key });
  return { cert, key };
}

/**
 * Calls `renew` whenever the files hold another pair that works, until `signal` aborts. What does not work (one file
 * is written before the other) is told, and the old pair serves on.
 */
export async function followCertificate(
  files: CertificateFiles,
  first: Certificate,
  {
    renew,
    onError,
    signal,
    intervalMs = lookAgainMs,
  }: {
    readonly renew: (certificate: Certificate) => void;
    readonly onError: (error: unknown) => void;
    readonly signal: AbortSignal;
    readonly intervalMs?: number;
  },
): Promise<void> {
  let current = first;
  await every({ intervalMs, jitter: 0.1, signal, onError }, async () => {
    const next = await readCertificate(files);
    if (next.cert.equals(current.cert) && next.key.equals(current.key)) return;
    renew(next);
    current = next;
  });
}
