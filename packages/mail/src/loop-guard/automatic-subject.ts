/**
 * How responders begin their subjects. People write such subjects too, about just such mail: a subject alone decides
 * nothing.
 */

const absences =
  // English
  (
    "automatic reply|automatic response|automated reply|automated response|auto reply|auto-reply|autoreply|auto response|" +
    "auto-response|autoresponse|out of office|out-of-office|out of the office|i am out of the office|" +
    "i'm out of the office|i am on vacation|vacation reply|away from my mail|auto:|" +
    // German, French, Spanish, Portuguese, Italian, Dutch
    "automatische antwort|abwesenheitsnotiz|abwesenheitsbenachrichtigung|abwesenheitsassistent|" +
    "réponse automatique|absence du bureau|absent du bureau|message d'absence|" +
    "respuesta automática|fuera de la oficina|fuera de oficina|resposta automática|fora do escritório|" +
    "risposta automatica|fuori ufficio|automatisch antwoord|afwezigheidsbericht|" +
    // Swedish, Danish, Norwegian, Finnish
    "autosvar|automatiskt svar|automatisk svar|frånvarande|fraværsmelding|automaattinen vastaus|" +
    // Polish, Czech, Slovak, Hungarian, Romanian, Turkish, Greek, Russian, Ukrainian
    "automatyczna odpowiedź|odpowiedź automatyczna|automatická odpověď|automatická odpoveď|automatikus válasz|" +
    "răspuns automat|otomatik yanıt|αυτόματη απάντηση|автоматический ответ|автоответ|автоматична відповідь|" +
    // Japanese, Chinese, Korean
    "自動応答|自動返信|不在通知|自动答复|自动回复|自動回覆|자동 회신|부재중"
  ).split("|");

const failures = (
  "undeliverable|undelivered mail returned|mail delivery failed|mail delivery failure|delivery status notification|" +
  "delivery failure|failure notice|returned mail|mail system error|message not delivered|" +
  "unzustellbar|nicht zustellbar|non remis|no se puede entregar|onbestelbaar|не доставлено|配信不能"
).split("|");

/** What a subject looks like: a responder's, a delivery report's, or anything else. */
export function automaticSubject(subject: string): "absence" | "failure" | undefined {
  const text = subject.slice(0, 200).normalize("NFC").replaceAll("’", "'").trimStart().toLowerCase();
  if (absences.some((beginning) => text.startsWith(beginning))) return "absence";
  return failures.some((beginning) => text.startsWith(beginning)) ? "failure" : undefined;
}
