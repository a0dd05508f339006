import type { Command } from "commander";
import { segment } from "../api/api.ts";
import { usageError } from "../cli-error.ts";
import type { Column } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { addListOptions, showList } from "./listing.ts";
import { onApi, onApiFor } from "./session.ts";

const columns: readonly Column[] = [
  ["KEY", "id"],
  ["SCOPES", ({ scopes }) => (Array.isArray(scopes) ? scopes.join(",") : "")],
  ["LABEL", "label"],
  ["CREATED", "createdAt"],
  ["EXPIRES", "expiresAt"],
];

/** Keys belong to a tenant, so `--tenant` is needed. */
export function addKeys(program: Command, terminal: Terminal): void {
  const keys = program.command("keys").description("make, list and remove a tenant's keys (admin, with --tenant)");

  addListOptions(keys.command("list").description("list keys; never what they are")).action(
    onApi(terminal, (session, options) => showList(session, keysOf(options.tenant), columns, [], options)),
  );

  keys
    .command("create")
    .description("make a key and show it, this once")
    .option("--scope <scopes...>", "what it may do: submit, read, manage", ["submit", "read"])
    .option("--label <text>", "what it is for")
    .option("--expires <time>", "when it ends (RFC 3339)")
    .action(
      onApi(terminal, async ({ api, out }, { tenant, scope, label, expires }) => {
        const scopes = (scope as string[]).flatMap((text) => text.split(","));
        const body = { scopes, ...(label ? { label } : {}), ...(expires ? { expiresAt: expires } : {}) };
        const key = await api.call("POST", keysOf(tenant), { body });
        out.record(
          [
            ["Key", key.key],
            ["Id", key.id],
            ["Scopes", scopes.join(", ")],
            ["Expires", key.expiresAt],
          ],
          key,
        );
        out.hint("The key is not shown again: keep it now.");
      }),
    );

  keys
    .command("delete <key-id>")
    .description("remove a key; who uses it is refused from then on")
    .action(
      onApiFor(terminal, async ({ api, out }, id, { tenant }) => {
        out.done(`Key ${id} is removed.`, await api.call("DELETE", `${keysOf(tenant)}/${segment(id)}`));
      }),
    );
}

function keysOf(tenant: unknown): string {
  if (typeof tenant !== "string") throw usageError("Name the tenant with --tenant.");
  return `/v1/tenants/${segment(tenant)}/keys`;
}
