/** Where a letter ends: at its signature. */

/** Lines below a mark that lost its space; more than these are no signature. */
const signatureLines = 20;

/** `-- ` (RFC 3676 section 4.3), also without its space, which many programs take off. */
export function isSignatureMark(lines: readonly string[], at: number): boolean {
  const line = lines[at]!;
  if (line === "-- ") return true;
  if (line.trimEnd() !== "--") return false;
  return lines.slice(at + 1, at + 2 + signatureLines).length <= signatureLines || endsSoon(lines, at + 1);
}

const endsSoon = (lines: readonly string[], from: number): boolean =>
  lines.slice(from, from + signatureLines).some((line) => /^\s*>/.test(line));

const mobile = [
  /^sent (from|with|via|using) (my|outlook|mail|yahoo|gmail|proton|samsung|aol|the all new|android|ios|iphone|ipad|blackberry|windows|nine|spark|mobile)\b.{0,60}$/i,
  /^(get|download) outlook for .{1,30}$/i,
  /^(von meinem .{1,40} gesendet|gesendet (von|mit|aus) .{1,60}|diese nachricht wurde von meinem .{1,60} gesendet\.?)$/i,
  /^(envoyé (de|depuis|à partir de) (mon|ma|outlook|mail|l'|yahoo|gmail).{0,50}|téléchargez outlook .{1,30})$/i,
  /^(enviado (desde|de|do|a partir do) (mi|meu|mail|outlook|gmail|correo|o meu|yahoo).{0,50})$/i,
  /^(inviato (da|dal) (mio|iphone|ipad|outlook|yahoo|mail|libero|tim).{0,50})$/i,
  /^((verzonden|verstuurd) (vanaf|met|van|vanuit) (mijn|outlook|mail|gmail|yahoo).{0,50})$/i,
  /^((skickat|sendt) (från|fra|med) (min|mitt|mit|outlook|mail|yahoo).{0,50}|lähetetty .{1,30}(ista|ista|sta|stä|lta|ltä)|wysłane z .{1,40}|odesláno z .{1,40})$/i,
  /^(отправлено (с|из|со) .{1,40}|надіслано з .{1,40})$/i,
  /^(.{1,20}から送信|发自我的.{1,20}|來自我的.{1,20}|나의 .{1,20}에서 보냄|.{1,20}에서 보냄)$/,
] as const;

/** What phones and mail programs sign with, such as `Sent from my iPhone`. */
export function isProgramsSignature(line: string): boolean {
  const text = line.trim().replace(/^[<[(]|[>\])]$/g, "");
  return text.length > 5 && text.length < 120 && mobile.some((pattern) => pattern.test(text));
}
