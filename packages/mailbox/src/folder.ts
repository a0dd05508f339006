import type { Line, Refusal } from "./line.ts";
import { MailboxTroubleError, type Trouble } from "./trouble.ts";

/** A folder as SELECT or EXAMINE tells of it. */
export interface Folder {
  readonly path: string;
  /** The same with its namespace's prefix, as the server calls it. */
  readonly openedAs: string;
  readonly uidValidity: bigint;
  /** The UID that the next message will get, or a later one; absent where the server does not say. */
  readonly uidNext?: number;
  readonly exists: number;
  /** Absent where the server keeps none (RFC 7162). */
  readonly highestModseq?: bigint;
  readonly permanentFlags: readonly string[];
  readonly readOnly: boolean;
}

export type SpecialUse = "\\Sent" | "\\Drafts" | "\\Junk" | "\\Trash" | "\\Archive";

/** Opens a folder; every number of a message's place holds only as long as its UIDVALIDITY does. */
export async function selectFolder(
  line: Line,
  path: string,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<{ readonly ok: true; readonly folder: Folder } | { readonly ok: false; readonly trouble: Trouble }> {
  let missing = false;
  const answer = await line.command("SELECT", () =>
    line.client.mailboxOpen(path, { readOnly }).catch((error: { readonly mailboxMissing?: boolean }) => {
      missing = error.mailboxMissing === true;
      throw error;
    }),
  );
  if (!answer.ok) return { ok: false, trouble: notOpened(path, answer, missing) };
  const { uidValidity, uidNext, exists, highestModseq, noModseq, permanentFlags, readOnly: only } = answer.value;
  if (typeof uidValidity !== "bigint" || uidValidity <= 0n) {
    const detail = `the server gives no UIDVALIDITY for ${path}`;
    return { ok: false, trouble: { kind: "protocol", code: "NO_UIDVALIDITY", detail } };
  }
  const folder: Folder = {
    path,
    openedAs: answer.value.path,
    uidValidity,
    exists: exists ?? 0,
    permanentFlags: [...(permanentFlags ?? [])],
    readOnly: only === true,
    ...(uidNext > 0 ? { uidNext } : {}),
    ...(highestModseq !== undefined && noModseq !== true ? { highestModseq } : {}),
  };
  return { ok: true, folder };
}

function notOpened(path: string, { code, detail }: Refusal, missing: boolean): Trouble {
  if (missing || code === "NONEXISTENT")
    return { kind: "folder_missing", code: "NONEXISTENT", detail: `${path}: ${detail}` };
  if (code === "UNAVAILABLE" || code === "INUSE" || code === "SERVERBUG") return { kind: "unreachable", code, detail };
  // NOPERM and the like: there is no folder for us under that name.
  return { kind: "folder_missing", code, detail: `${path}: ${detail}` };
}

/** The folder of a special use (RFC 6154), or the one whose name says so; undefined where there is none. */
export async function findSpecialFolder(line: Line, use: SpecialUse): Promise<string | undefined | Refusal> {
  const answer = await line.command("LIST", () => line.client.list());
  if (!answer.ok) return answer;
  return answer.value.find(({ specialUse }) => specialUse === use)?.path;
}

/** Makes a folder that is not there; one that is there is as good. */
export async function createFolder(line: Line, path: string): Promise<Refusal | undefined> {
  const answer = await line.command("CREATE", () => line.client.mailboxCreate(path));
  return answer.ok || answer.code === "ALREADYEXISTS" ? undefined : answer;
}

/**
 * Makes sure that this folder is the one that is open, coming back to it from another. Rejects where it has gone or was
 * renumbered: UIDs would name other messages.
 */
export async function inFolder(line: Line, folder: Folder): Promise<void> {
  if (line.trouble) throw new MailboxTroubleError(line.trouble);
  const open = line.client.mailbox;
  let { uidValidity } = open || {};
  if (!open || open.path !== folder.openedAs) {
    const opened = await selectFolder(line, folder.path, folder);
    if (!opened.ok) throw new MailboxTroubleError(opened.trouble);
    uidValidity = opened.folder.uidValidity;
    // What arrived meanwhile was not told of.
    line.news++;
  }
  if (uidValidity === folder.uidValidity) return;
  throw new MailboxTroubleError({
    kind: "protocol",
    code: "UIDVALIDITY_CHANGED",
    detail: `${folder.path} was renumbered while it was open`,
  });
}
