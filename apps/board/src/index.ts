/** Bull Board over the fleet's queues, behind the admin token. */
export { type Board, type BoardDeps, startBoard } from "./board.ts";
export { type BoardSettings, boardSettings } from "./config.ts";
export { escapeHtml, html, type Markup, type MarkupPart } from "./html.ts";
