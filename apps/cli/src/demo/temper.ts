/** What the demo next hop does with mail for a recipient. Its local part decides, so that a newcomer can ask for trouble. */
export type Temper = "accept" | "fail" | "later" | "slow" | "drop";

export const tempers: Readonly<Record<Temper, string>> = {
  accept: "is taken at once",
  fail: "is refused for good (550): a dead letter",
  later: "is put off twice (451), then taken: retries",
  slow: "is taken after five seconds",
  drop: "is taken, but the connection dies before the reply: in doubt, then sent once more",
};

/** `fail@anything`, `fail+note@anything` and `fail` alike. */
export function temperOf(recipient: string): Temper {
  const local = recipient.split("@", 1)[0]!.split("+", 1)[0]!.toLowerCase();
  return local !== "accept" && Object.hasOwn(tempers, local) ? (local as Temper) : "accept";
}

/** Lets go after `times` refusals of the same thing. It forgets the oldest beyond `most`, which only costs a refusal. */
export function createGrudge(times: number, most = 10_000): (what: string) => boolean {
  const refusals = new Map<string, number>();
  return (what) => {
    const soFar = refusals.get(what) ?? 0;
    refusals.delete(what);
    if (soFar >= times) return false;
    refusals.set(what, soFar + 1);
    if (refusals.size > most) refusals.delete(refusals.keys().next().value!);
    return true;
  };
}
