import type { Command } from "commander";
import { segment } from "../api/api.ts";
import type { Column } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { readJsonFile } from "./json-file.ts";
import { addListOptions, showList } from "./listing.ts";
import { onApi, onApiFor } from "./session.ts";

const columns: readonly Column[] = [
  ["TENANT", "id"],
  ["STATE", "state"],
  ["CREATED", "createdAt"],
];

export function addTenants(program: Command, terminal: Terminal): void {
  const tenants = program.command("tenants").description("make, show, suspend and remove tenants (admin)");

  addListOptions(tenants.command("list").description("list tenants")).action(
    onApi(terminal, (session, options) => showList(session, "/v1/tenants", columns, [], options)),
  );

  tenants
    .command("show <tenant>")
    .description("show a tenant")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const tenant = await api.call("GET", `/v1/tenants/${segment(id)}`);
        out.record(Object.entries(tenant), tenant);
      }),
    );

  tenants
    .command("put <tenant>")
    .description("make a tenant, or replace its settings")
    .option("--file <file>", 'JSON with its settings, "-" for stdin; defaults without it')
    .action(
      onApiFor(terminal, async ({ api, out }, id, { file }) => {
        const body = file === undefined ? {} : await readJsonFile(terminal, file as string);
        const tenant = await api.call("PUT", `/v1/tenants/${segment(id)}`, { body });
        out.done(`Tenant ${id} is set.`, tenant);
      }),
    );

  tenants
    .command("delete <tenant>")
    .description("remove a tenant that has no unfinished mail")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        out.done(`Tenant ${id} is removed.`, await api.call("DELETE", `/v1/tenants/${segment(id)}`));
      }),
    );

  for (const [verb, outcome] of [
    ["suspend", "suspended: its mail is held"],
    ["activate", "active: its mail goes out"],
  ] as const) {
    tenants
      .command(`${verb} <tenant>`)
      .description(`${verb} a tenant's mail, or one batch of it`)
      .option("--batch <batch>", "only this batch")
      .action(
        onApiFor(terminal, async ({ api, out }, id, { batch }) => {
          const answer = await api.call("POST", `/v1/tenants/${segment(id)}/${verb}`, { body: batch ? { batch } : {} });
          out.done(`${batch ? `Batch ${batch} of tenant` : "Tenant"} ${id} is ${outcome}.`, answer);
        }),
      );
  }
}
