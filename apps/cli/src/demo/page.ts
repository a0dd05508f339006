import { html, type Markup } from "@mailfleet/board";
import type { KeptMessage } from "./letter-box.ts";
import type { Reading } from "./reading.ts";
import { tempers } from "./temper.ts";

type Entry = { readonly message: KeptMessage; readonly reading: Reading };

/** The list, newest first. The script replaces `main` when something has arrived. */
export function listPage(entries: readonly Entry[], count: number): string {
  return page(
    "Demo inbox",
    html`
    <main id="live" data-count="${count}">
      <h1>Demo inbox</h1>
      <p class="lead">
        This is the next hop of the <code>demo</code> account. It takes mail for any address, sends nothing on, and forgets
        everything when Mailfleet stops. ${count === 0 ? "" : html`<strong>${count}</strong> ${count === 1 ? "message has" : "messages have"} come.`}
      </p>
      ${entries.length === 0 ? nothingYet : table(entries)}
      <details>
        <summary>Ask for trouble</summary>
        <table class="tempers">
          ${Object.entries(tempers).map(
            ([local, what]) =>
              html`<tr><td><code>${local === "accept" ? "anything else" : `${local}@example.com`}</code></td><td>${what}</td></tr>`,
          )}
        </table>
      </details>
    </main>`,
    html`<script src="/page.js" defer></script>`,
  );
}

const nothingYet = html`<p class="empty">Nothing has come yet. This page looks again every second.</p>`;

const table = (entries: readonly Entry[]): Markup => html`
  <table class="messages">
    <thead><tr><th>#</th><th>Subject</th><th>From</th><th>For</th><th>Came</th></tr></thead>
    <tbody>
      ${entries.map(
        ({ message, reading }) => html`
      <tr>
        <td class="number">${message.number}</td>
        <td><a href="/messages/${message.number}">${reading.subject || "(no subject)"}</a></td>
        <td>${reading.from || "<>"}</td>
        <td>${recipientsText(message.recipients)}</td>
        <td><time datetime="${message.at.toISOString()}">${clock(message.at)}</time></td>
      </tr>`,
      )}
    </tbody>
  </table>`;

/** One message: its envelope, header fields and body. HTML comes in a frame that may run and load nothing. */
export function messagePage({ message, reading }: Entry): string {
  const { number } = message;
  return page(
    reading.subject || "(no subject)",
    html`
    <main>
      <p><a href="/">&larr; Demo inbox</a></p>
      <h1>${reading.subject || "(no subject)"}</h1>
      ${reading.note ? html`<p class="note">${reading.note}</p>` : ""}
      <dl>
        <dt>Reverse-path</dt><dd><code>&lt;${message.reversePath}&gt;</code></dd>
        <dt>Recipients</dt><dd>${message.recipients.map((recipient) => html`<code>${recipient}</code> `)}</dd>
        <dt>Came</dt><dd><time datetime="${message.at.toISOString()}">${message.at.toISOString()}</time></dd>
        <dt>Size</dt><dd>${message.content.length} bytes, <a href="/messages/${number}/source">source</a></dd>
      </dl>
      ${reading.html ? html`<h2>HTML</h2><iframe title="HTML body" sandbox="" src="/messages/${number}/html"></iframe>` : ""}
      ${reading.text ? html`<h2>Text</h2><pre>${reading.text}</pre>` : ""}
      ${
        reading.attachments.length > 0
          ? html`<h2>Attachments</h2><ul>${reading.attachments.map(
              ({ name, contentType, sizeBytes }) =>
                html`<li>${name} <span class="quiet">${contentType}, ${sizeBytes} bytes</span></li>`,
            )}</ul>`
          : ""
      }
      <h2>Header</h2>
      <table class="header">
        ${reading.headers.map(({ name, value }) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}
      </table>
    </main>`,
  );
}

function page(title: string, body: Markup, head: Markup = html``): string {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title} · Mailfleet</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/page.css">
    ${head}
  </head>
  <body>${body}</body>
</html>
`.markup;
}

const shownRecipients = 3;

function recipientsText(recipients: readonly string[]): string {
  const more = recipients.length - shownRecipients;
  return recipients.slice(0, shownRecipients).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

const clock = (at: Date): string => at.toTimeString().slice(0, 8);
