/** SQL truth: migrations, accept(), the queue and its statements, and one module per aggregate. PostgreSQL only. */

export * from "./accept.ts";
export * from "./acceptor.ts";
export * from "./database.ts";
export * from "./lanes.ts";
export * from "./migrate.ts";
export * from "./rounds.ts";
export * from "./submission.ts";
export * from "./sweep.ts";
export * from "./transmission.ts";
export * from "./worker-lease.ts";
