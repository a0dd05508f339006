/** SQL truth: migrations, accept(), the queue and its statements, and one module per aggregate. PostgreSQL only. */
export * from "./database.ts";
export * from "./migrate.ts";
export * from "./submission.ts";
