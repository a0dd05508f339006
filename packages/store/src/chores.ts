import type { Database } from "./database.ts";

/**
 * Takes up a chore where nobody in the fleet has within `everyMs`; false where somebody has. It is taken by a write and
 * not by a lock, since a chore may wait for other servers, and no transaction may be open for that long. Whoever dies
 * with it leaves it for the next time.
 */
export async function takeChore(db: Database, name: string, everyMs: number): Promise<boolean> {
  const taken = await db.query(
    `insert into mailfleet.chores as c (name, begun_at) values ($1, now())
     on conflict (name) do update set begun_at = now() where c.begun_at <= now() - make_interval(secs => $2)
     returning name`,
    [name, everyMs / 1_000],
  );
  return taken.length > 0;
}
