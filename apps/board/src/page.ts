import { html, type Markup } from "./html.ts";

/** The frame of the board's own pages. */
export function page(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>${title} · Mailfleet</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/board.css">
  </head>
  <body>${body}</body>
</html>
`.markup;
}

export const boardStyle = `
:root { color-scheme: light dark; --ink: #1d2630; --quiet: #667384; --line: #dfe4ea; --paper: #fff; --shade: #f6f8fa; --link: #0b5cad; --bad: #a52a1a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e8ee; --quiet: #93a0b0; --line: #303a46; --paper: #14191f; --shade: #1c232b; --link: #7fb8f5; --bad: #ff9382; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 48rem; margin: 0 auto; padding: 3rem 1.5rem; }
main.narrow { max-width: 26rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
code { font-family: ui-monospace, monospace; font-size: .9em; }
.quiet { color: var(--quiet); }
.problem { color: var(--bad); font-weight: 600; }
label { display: block; margin-bottom: .35rem; font-weight: 600; }
input { width: 100%; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--shade); border: 1px solid var(--line); border-radius: .4rem; }
button { margin-top: 1rem; padding: .6rem 1.25rem; font: inherit; font-weight: 600; color: #fff; background: #0b5cad; border: 0; border-radius: .4rem; cursor: pointer; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { width: 14rem; color: var(--quiet); font-weight: 500; }
td { font-variant-numeric: tabular-nums; }
`;
