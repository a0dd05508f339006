const uid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Uids differ from run to run, the order in which they appear does not: so the trace shows them as `u1`, `u2` and so on. */
export function openNames(): (text: string) => string {
  const names = new Map<string, string>();
  return (text) =>
    text.replace(uid, (found) => {
      const known = names.get(found) ?? `u${names.size + 1}`;
      names.set(found, known);
      return known;
    });
}
