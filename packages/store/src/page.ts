/** What a list is asked for. Without a cursor it begins at its start. */
export interface PageRequest {
  /** 1 to 200; 50 where none is given, and the nearest of these where it lies outside. */
  readonly limit?: number;
  /** `nextCursor` of the page before; opaque. */
  readonly cursor?: string;
}

/** A page of a list. Without `nextCursor` it is the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

export const pageLimits = { max: 200, otherwise: 50, cursorLength: 512 } as const;

/** A cursor that no list of ours has given (400). */
export class BadCursorError extends Error {
  readonly code = "bad_cursor";
}

export function pageSize({ limit = pageLimits.otherwise }: PageRequest): number {
  return Math.min(Math.max(Math.trunc(limit), 1), pageLimits.max);
}

/** What kind of key a list is ordered by. */
export type CursorKind = "uuid" | "text" | "integer";

const patterns: Readonly<Record<CursorKind, RegExp>> = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: PostgreSQL refuses NUL, and no key of ours has controls.
  text: /^[^\u0000-\u001f]{1,384}$/u,
  integer: /^\d{1,15}$/,
};

/** The key of the last item on the page before, or undefined at the start. */
export function readCursor({ cursor }: PageRequest, kind: CursorKind): string | undefined {
  if (cursor === undefined) return undefined;
  const key = cursor.length <= pageLimits.cursorLength ? Buffer.from(cursor, "base64url").toString("utf8") : "";
  if (!patterns[kind].test(key) || writeCursor(key) !== cursor) {
    throw new BadCursorError("the cursor is not one that this list has given");
  }
  return key;
}

export function writeCursor(key: string | number): string {
  return Buffer.from(String(key), "utf8").toString("base64url");
}

/** Makes a page of rows that were asked for with one more than fits, so that the last page knows itself. */
export function pageOf<R, T>(
  rows: readonly R[],
  size: number,
  keyOf: (row: R) => string | number,
  itemOf: (row: R) => T,
): Page<T> {
  const items = rows.slice(0, size).map(itemOf);
  const last = rows[size - 1];
  return rows.length > size && last !== undefined ? { items, nextCursor: writeCursor(keyOf(last)) } : { items };
}
