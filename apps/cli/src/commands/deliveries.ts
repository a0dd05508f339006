import { type Command, Option } from "commander";
import { segment } from "../api/api.ts";
import type { Column, Row } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { addListOptions, type FilterName, showList } from "./listing.ts";
import { deliveryColumns } from "./messages.ts";
import { onApi, onApiFor, type Session } from "./session.ts";

const filters: readonly FilterName[] = ["state", "recipient", "account", "message", "batch", "tag", "after", "before"];

const attemptColumns: readonly Column[] = [
  ["ATTEMPT", "number"],
  ["OUTCOME", "outcome"],
  ["STATUS", "status"],
  ["ENDED", "endedAt"],
  ["REASON", "reason"],
];

export function addDeliveries(program: Command, terminal: Terminal): void {
  const deliveries = program.command("deliveries").description("find, show, resend and release deliveries");

  addListOptions(deliveries.command("list").description("list deliveries, newest first"), filters).action(
    onApi(terminal, (session, options) => showList(session, "/v1/deliveries", deliveryColumns, filters, options)),
  );

  deliveries
    .command("show <delivery>")
    .description("show a delivery and every attempt")
    .action(onApiFor(terminal, showDelivery));

  deliveries
    .command("resend <delivery>")
    .description("send again what has ended in another way than sent, as a new delivery")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const delivery = await api.call("POST", `/v1/deliveries/${segment(id)}/resend`);
        out.done(`Delivery ${delivery.id} takes the place of ${id}.`, delivery);
      }),
    );

  deliveries
    .command("release <delivery>")
    .description("decide about a delivery that is held")
    .addOption(
      new Option("--action <action>", "what to do with it")
        .choices(["retry", "markSent", "cancel"])
        .makeOptionMandatory(),
    )
    .action(
      onApiFor(terminal, async ({ api, out }, id, { action }) => {
        const delivery = await api.call("POST", `/v1/deliveries/${segment(id)}/release`, { body: { action } });
        out.done(`Delivery ${id} is released: ${action}.`, delivery);
      }),
    );
}

/** A delivery's fields, then its attempts in order. */
export async function showDelivery({ api, out }: Session, id: string): Promise<void> {
  const delivery = await api.call("GET", `/v1/deliveries/${segment(id)}`);
  const { attempts, ...fields } = delivery;
  out.record(Object.entries(fields), delivery);
  if (Array.isArray(attempts)) out.more(attemptColumns, attempts as Row[]);
}
