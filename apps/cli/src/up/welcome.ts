/** Where things are, once the fleet is up. URLs without a slash at their ends. */
export interface Addresses {
  readonly api: string;
  readonly board: string;
  readonly health: string;
  /** `host:port` of SMTP submission. */
  readonly submission: string;
  /** A path, or the setting that holds it. */
  readonly adminToken: string;
  /** Only on the embedded default. */
  readonly demo?: { readonly inbox: string; readonly key: string; readonly mailbox?: string };
}

/** What `mailfleet up` says when all is ready. */
export function welcomeText({ api, board, health, submission, adminToken, demo }: Addresses): string {
  const lines = [
    ["API", api],
    ["API documentation", `${api}/docs`],
    ["SMTP submission", submission],
    ...(demo ? [["Demo inbox", demo.inbox]] : []),
    ["Bull Board", `${board}/`],
    ["Health, metrics", `${health}/health/ready, ${health}/metrics`],
    ["Admin token", adminToken],
  ].map(([label, value]) => `  ${label!.padEnd(18)} ${value}`);
  return `\nMailfleet is up.\n\n${lines.join("\n")}\n${demo ? invitation(api, demo) : ""}\nCtrl-C stops it.\n\n`;
}

const firstMessage = {
  from: "me@example.com",
  to: "you@example.com",
  subject: "Hello from Mailfleet",
  text: "It works.",
};

const firstQuestion = {
  from: "Ann <you@example.com>",
  subject: "Hello?",
  text: "Is anybody there?",
};

const submission = (api: string, key: string, message: object): string => `  curl ${api}/v1/messages \\
    -H 'Authorization: Bearer ${key}' \\
    -H 'Content-Type: application/json' \\
    -d '${JSON.stringify(message)}'`;

const invitation = (api: string, { inbox, key, mailbox }: NonNullable<Addresses["demo"]>): string => `
Send a first message:

${submission(api, key, firstMessage)}

and see it arrive at ${inbox}
Mail to fail@, later@, slow@ or drop@example.com shows what becomes of trouble.

${
  mailbox === undefined
    ? noMailbox
    : `Mail a mailbox that the fleet watches, and see its answer arrive there too:

${submission(api, key, { ...firstQuestion, to: mailbox })}`
}
`;

const noMailbox =
  "A mailbox that answers by itself comes with Dovecot: apt-get install dovecot-imapd dovecot-lmtpd, and start again.";
