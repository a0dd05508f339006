import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { NextHopSettings } from "./next-hop.ts";

/** How a next hop's certificate is checked: against its host name and the public authorities, or the account's own. */
export function tlsOptions({ host, caPem, allowInvalidCertificate }: NextHopSettings): ConnectionOptions {
  return {
    // SNI takes names only; an address is compared with the certificate all the same.
    ...(isIP(host) ? {} : { servername: host }),
    ...(caPem === undefined ? {} : { ca: caPem }),
    rejectUnauthorized: allowInvalidCertificate !== true,
    minVersion: "TLSv1.2",
  };
}
