/** Starts a Dovecot in the folder named first, says how, and waits to be killed. */
import { startEmbeddedDovecot } from "../index.ts";

const [dataDir = "", ...words] = process.argv.slice(2);
const dovecot = await startEmbeddedDovecot({
  dataDir,
  users: [{ address: "ann@example.org", password: "pass" }],
  stopWithParent: words.includes("stopWithParent"),
});
process.send?.({ pid: dovecot.pid, ports: dovecot.ports, folder: dovecot.folder });
setInterval(() => {}, 60_000);
