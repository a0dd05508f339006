/** Looks for news and swaps the list; when Mailfleet is away it keeps looking. */
export const pageScript = `
const everyMs = 1000;

async function look() {
  const live = document.getElementById("live");
  const { count } = await (await fetch("/messages.json?limit=0", { cache: "no-store" })).json();
  if (String(count) === live.dataset.count) return;
  const next = new DOMParser().parseFromString(await (await fetch("/", { cache: "no-store" })).text(), "text/html");
  next.querySelector("details").open = live.querySelector("details").open;
  live.replaceWith(next.getElementById("live"));
}

function again() {
  setTimeout(() => look().then(() => document.body.classList.remove("away"), () => document.body.classList.add("away")).finally(again), everyMs);
}
again();
`;

export const pageStyle = `
:root { color-scheme: light dark; --ink: #1d2630; --quiet: #667384; --line: #dfe4ea; --paper: #ffffff; --shade: #f6f8fa; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e8ee; --quiet: #93a0b0; --line: #303a46; --paper: #14191f; --shade: #1c232b; --link: #7fb8f5; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
body.away::before { content: "Mailfleet does not answer; looking again."; display: block; padding: .5rem 1.5rem; background: #8a2b1d; color: #fff; }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
code, pre, .header td { font-family: ui-monospace, monospace; font-size: .9em; }
.lead, .quiet, th { color: var(--quiet); }
.empty { padding: 3rem 1rem; text-align: center; background: var(--shade); border-radius: .5rem; }
.note { padding: .5rem 1rem; background: var(--shade); border-left: 3px solid var(--link); }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 500; vertical-align: top; }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top; }
.messages .number, .messages time { color: var(--quiet); font-variant-numeric: tabular-nums; white-space: nowrap; }
.messages a { font-weight: 600; text-decoration: none; }
.header th { width: 14rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; margin: 1rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { padding: 1rem; background: var(--shade); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
iframe { width: 100%; height: 24rem; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }
details { margin-top: 2rem; }
summary { cursor: pointer; color: var(--quiet); }
.tempers td:first-child { width: 16rem; white-space: nowrap; }
`;
