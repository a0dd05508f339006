/** The line that a mail program puts before what it quotes: `On Sun, 22 Nov 2026 at 10:00, Ann <ann@example.org> wrote:`. */

/** An attribution, which programs wrap at any place. */
export interface Attribution {
  readonly first: number;
  readonly last: number;
  /** It names an address or a time of day, so that what follows is quoted even where nothing else marks it so. */
  readonly isSure: boolean;
}

const wrappedLines = 4;
const lineLength = 300;

const verbs = (
  "wrote|writes|schrieb|geschrieben|écrit|écrivait|escribió|escribio|scritto|escreveu|schreef|geschreven|skrev|" +
  "kirjoitti|napisał|napisała|napisał(a)|napisał/a|pisze|napsal|napsala|napsal(a)|napísal|napísala|napísal(a)|írta|ezt írta|" +
  "scris|yazdı|έγραψε|пишет|писал|писал(а)|написал|написал(а)|написала|пише|написав|escriure|napisao|napisal|rašė|" +
  "rakstīja|kirjutas|viết|menulis|写道|寫道|작성"
).split("|");

const escaped = verbs.map((verb) => verb.replace(/[()/]/g, "\\$&")).join("|");
const saysWrote = new RegExp(`(?:^|[^\\p{L}])(?:${escaped})(?![\\p{L}])|写道|寫道|작성`, "iu");

/** How an attribution begins: with a preposition, a weekday, or a date. */
const begins = new RegExp(
  `^[\\s"'*]*(?:(?:on|at|in a message dated|am|um|le|el|il|em|op|den|dne|dňa|dnia|w dniu|på|pe|la|în data de|στις|în|в|на|vào|pada|` +
    `mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mié|jue|vie|sáb|dom|mer|jeu|ven|sam|пн|вт|ср|чт|пт|сб|вс)(?=[\\s,.])|` +
    `\\d{1,4}\\s?[-./年]|在\\s?\\d)`,
  "iu",
);
const namesAddress = /[^\s@<>]@[^\s@<>]/;
const namesDate = /\d{4}|\d{1,2}[-./]\d{1,2}/;
const namesTime = /\d{1,2}[:.h]\d{2}/;

/** The attribution that ends in this line, if one does; none of its lines is empty or quoted. */
export function attributionEndingAt(lines: readonly string[], last: number): Attribution | undefined {
  if (!/[:：]\s*$/.test(lines[last]!.slice(-20))) return undefined;
  let text = "";
  for (let first = last; first >= 0 && first > last - wrappedLines; first--) {
    const line = lines[first]!;
    if (line.trim() === "" || /^\s*>/.test(line) || line.length > lineLength) break;
    text = `${line} ${text}`;
    // Above a line that begins as they do, it is somebody's letter.
    if (begins.test(line) && isAttribution(text)) {
      return { first, last, isSure: namesAddress.test(text) || namesTime.test(text) };
    }
  }
  // `Ann <ann@example.org> wrote:` begins with a name.
  const line = lines[last]!.slice(0, lineLength);
  return saysWrote.test(line) ? { first: last, last, isSure: namesAddress.test(line) } : undefined;
}

/** Some programs say no verb: `2026-11-22 10:00 GMT+01:00 Ann <ann@example.org>:` */
function isAttribution(text: string): boolean {
  if (saysWrote.test(text)) return namesAddress.test(text) || namesDate.test(text) || namesTime.test(text);
  return namesAddress.test(text) && namesDate.test(text) && namesTime.test(text);
}
