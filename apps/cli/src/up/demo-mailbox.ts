import { randomBytes } from "node:crypto";
import { EmbeddedError, startEmbeddedDovecot } from "@mailfleet/embedded";
import type { MailboxSettings } from "@mailfleet/mail";
import type { Scope } from "@mailfleet/service";
import type { Store } from "@mailfleet/store";
import { openNextHop } from "@mailfleet/transport";
import { dataFiles, keepSecret } from "../data-folder.ts";
import type { DemoMailbox } from "../demo/next-hop.ts";
import { demoName } from "./demo-tenant.ts";
import { keepAlive } from "./keep-alive.ts";

/** A mailbox of a real IMAP server, which the fleet watches and answers. */
export const demoMailboxAddress = "support@example.com";

interface DemoServer {
  readonly mailbox: DemoMailbox;
  readonly imapPort: number;
  readonly password: string;
}

const template = {
  kind: "template",
  text: `Hello{% if from.name %} {{ from.name }}{% endif %},

thank you for your message "{{ subject }}". A person will read it soon.

Mailfleet's demo
`,
} as const;

/** Starts a Dovecot of our own, where one is installed; undefined where it is not. */
export async function startDemoMailbox(
  dataDir: string,
  scope: Scope,
  stderr: Pick<NodeJS.WritableStream, "write">,
): Promise<DemoServer | undefined> {
  const password = await keepSecret(dataDir, dataFiles.demoMailbox, () => randomBytes(18).toString("base64url"));
  const users = [{ address: demoMailboxAddress, password }];
  const dovecot = await startEmbeddedDovecot({ dataDir, users }).catch((error: unknown) => {
    if (error instanceof EmbeddedError && error.code === "program_missing") return undefined;
    throw error;
  });
  if (!dovecot) return undefined;
  scope.own(dovecot, "Dovecot");
  keepAlive("Dovecot", dovecot, scope, stderr);
  return {
    password,
    imapPort: dovecot.ports.imap,
    mailbox: {
      address: demoMailboxAddress,
      async deliver({ reversePath, content }) {
        await using server = openNextHop({
          host: dovecot.host,
          port: dovecot.ports.lmtp,
          security: "none",
          lmtp: true,
        });
        const envelope = {
          reversePath,
          recipients: [{ address: demoMailboxAddress }],
          smtpUtf8: false,
          eightBit: true,
        };
        const [result] = await server.send(envelope, { sizeBytes: content.length, bytes: content }, () => true);
        return result?.kind === "success";
      },
    },
  };
}

/** Makes the demo tenant's mailbox, or moves it to where its server is now. One that was pointed elsewhere stays. */
export async function ensureDemoMailbox(
  store: Pick<Store, "mailboxes">,
  { imapPort, password }: DemoServer,
): Promise<void> {
  const found = await store.mailboxes.get(demoName, demoName);
  if (found && (found.settings.host !== "127.0.0.1" || found.settings.port === imapPort)) return;
  const settings: MailboxSettings = found
    ? { ...found.settings, port: imapPort }
    : {
        host: "127.0.0.1",
        port: imapPort,
        security: "none",
        allowClearTextAuth: true,
        auth: { kind: "password", user: demoMailboxAddress },
        folder: "INBOX",
        mode: "idle",
        pollIntervalMs: 60_000,
        take: "unseen",
        role: "answer",
        maxAgeMs: 259_200_000,
        recordsReturnPath: true,
        authservIds: [],
        ownAddresses: [demoMailboxAddress],
        answer: {
          answerer: template,
          mode: "send",
          from: `Mailfleet demo <${demoMailboxAddress}>`,
          quoteOriginal: true,
          appendTo: "\\Sent",
          markAnswered: true,
          markSeen: false,
          inDoubt: "hold",
          limits: { perCorrespondentPerDay: 100, perHour: 1_000, threadDepth: 10 },
          requireAuthentication: false,
          maxTries: 5,
        },
      };
  const put = await store.mailboxes.put(demoName, demoName, settings, { pass: password });
  if (put.kind !== "put") throw new Error(`the demo mailbox could not be made: ${put.kind}`);
}
