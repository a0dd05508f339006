/** What the server can do that we have a use for; the rest of what it announced is not kept. */
export interface Abilities {
  readonly idle: boolean;
  readonly condstore: boolean;
  readonly qresync: boolean;
  readonly uidplus: boolean;
  readonly move: boolean;
  readonly specialUse: boolean;
}

/** IMAP4rev2 (RFC 9051 appendix E) made most of them part of the protocol. */
export function abilitiesOf(capabilities: ReadonlySet<string>): Abilities {
  const has = (name: string) => capabilities.has(name);
  const rev2 = has("IMAP4REV2");
  return {
    idle: has("IDLE") || rev2,
    condstore: has("CONDSTORE") || has("QRESYNC"),
    qresync: has("QRESYNC"),
    uidplus: has("UIDPLUS") || rev2,
    move: has("MOVE") || rev2,
    specialUse: has("SPECIAL-USE") || rev2,
  };
}
