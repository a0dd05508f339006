import type { Outbox } from "../../apps/outbox-dispatch/src/outbox.ts";
import type { FunctionChange } from "./simulated-database.ts";

/** A bug that is put in on purpose, to see that the simulation would find it. */
export interface Mutation {
  readonly name: string;
  readonly outbox?: (outbox: Outbox) => Outbox;
  /** Changes a function of the database's. */
  readonly sql?: FunctionChange;
}

/** The code as it is. */
export const unchanged: Mutation = { name: "unchanged" };

export const mutations: readonly Mutation[] = [];
