/** What mail programs that do not mark each quoted line put above all that they quote. */

const originals = (
  "original message|original email|ursprüngliche nachricht|originalnachricht|original-nachricht|message d'origine|message original|" +
  "mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|originalmeddelande|ursprungligt meddelande|" +
  "oprindelig meddelelse|opprinnelig melding|alkuperäinen viesti|oryginalna wiadomość|wiadomość oryginalna|původní zpráva|" +
  "pôvodná správa|eredeti üzenet|mesaj original|orijinal mesaj|αρχικό μήνυμα|исходное сообщение|пересылаемое сообщение|" +
  "оригінальне повідомлення|原始邮件|原始郵件|元のメッセージ|원본 메시지|reply message|" +
  "forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado|mensagem encaminhada|messaggio inoltrato|" +
  "doorgestuurd bericht|vidarebefordrat meddelande|wiadomość przekazana"
).split("|");

const betweenDashes = /^[\s*]*[-–—_]{2,40}\s*([^\s\-–—_].{0,60}?)\s*[-–—_]{2,40}\s*$/u;

/** Apple Mail's, which have no dashes. */
const forwardings = new Set([
  "begin forwarded message",
  "anfang der weitergeleiteten nachricht",
  "début du message transféré",
  "début du message réexpédié",
  "inicio del mensaje reenviado",
  "inizio messaggio inoltrato",
  "início da mensagem encaminhada",
  "begin doorgestuurd bericht",
]);

/** Field names as Outlook and others translate them. */
const labels: ReadonlyMap<string, "from" | "date" | "to" | "subject"> = new Map(
  (
    [
      [
        "from",
        "from|von|de|da|van|från|fra|lähettäjä|od|feladó|kimden|από|от|від|发件人|寄件者|寄件人|差出人|보낸 사람",
      ],
      [
        "date",
        "sent|date|gesendet|datum|envoyé|enviado|enviado el|fecha|inviato|data|verzonden|skickat|sendt|dato|lähetetty|" +
          "päivämäärä|wysłano|odesláno|odoslané|elküldve|trimis|gönderildi|tarih|στάλθηκε|отправлено|дата|надіслано|" +
          "发送时间|日期|寄件日期|送信日時|日付|보낸 날짜|날짜",
      ],
      ["to", "to|an|à|para|a|aan|till|til|vastaanottaja|do|komu|címzett|către|kime|προς|кому|收件人|宛先|받는 사람"],
      [
        "subject",
        "subject|betreff|objet|asunto|oggetto|assunto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|tárgy|subiect|konu|" +
          "θέμα|тема|主题|主旨|件名|제목",
      ],
    ] as const
  ).flatMap(([kind, names]) => names.split("|").map((name) => [name, kind] as const)),
);

const blockLines = 8;

/** Whether everything from this line on is quoted or passed on. */
export function isQuoteSeparator(lines: readonly string[], at: number): boolean {
  const line = lines[at]!;
  if (line.length > 200) return false;
  const between = betweenDashes.exec(line)?.[1];
  if (between !== undefined && originals.includes(plain(between))) return true;
  if (forwardings.has(plain(line).replace(/\s*[:：]$/, ""))) return true;
  // Outlook draws a line above the block; alone it may be anybody's.
  if (/^_{10,}$/.test(line.trim())) {
    const next = lines.slice(at + 1, at + 3).findIndex((text) => text.trim() !== "");
    return next >= 0 && beginsHeaderBlock(lines, at + 1 + next);
  }
  return beginsHeaderBlock(lines, at);
}

/** From or (as GMX has it) the date, and in the few lines that follow at least two of the others, From among them. */
function beginsHeaderBlock(lines: readonly string[], at: number): boolean {
  const first = labelOf(lines[at]!);
  if (first !== "from" && first !== "date") return false;
  const kinds = new Set(lines.slice(at, at + blockLines).flatMap((line) => labelOf(line) ?? []));
  return kinds.has("from") && kinds.size >= 3;
}

function labelOf(line: string): "from" | "date" | "to" | "subject" | undefined {
  const label = /^[\s*]{0,5}([\p{L}][\p{L} ]{0,20}?)[\s*]{0,5}[:：]/u.exec(line.slice(0, 60))?.[1];
  return label === undefined ? undefined : labels.get(label.toLowerCase());
}

const plain = (text: string): string =>
  text
    .normalize("NFC")
    .replaceAll("’", "'")
    .replace(/[\s*]+/g, " ")
    .trim()
    .toLowerCase();
