/** Bull Board over the fleet's queues, behind the admin token. */
export { escapeHtml, html, type Markup, type MarkupPart } from "./html.ts";
