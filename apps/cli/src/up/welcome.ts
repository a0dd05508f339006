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
  readonly demo?: { readonly inbox: string; readonly key: string };
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

const invitation = (api: string, { inbox, key }: NonNullable<Addresses["demo"]>): string => `
Send a first message:

  curl ${api}/v1/messages \\
    -H 'Authorization: Bearer ${key}' \\
    -H 'Content-Type: application/json' \\
    -d '${JSON.stringify(firstMessage)}'

and see it arrive at ${inbox}
Mail to fail@, later@, slow@ or drop@example.com shows what becomes of trouble.
`;
