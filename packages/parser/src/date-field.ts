/** The Date field (RFC 5322 section 3.3), with the obsolete forms of section 4.3 that are still sent. */

const pattern =
  /^\s*(?:[a-z]{3,9}\s*,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]{0,6}[\s-]+(\d{4}|\d{2,3})\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:\s*([+-]\d{4}|[a-z]{1,5})\b)?/i;
const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const zones: Readonly<Record<string, number>> = {
  edt: -4,
  est: -5,
  cdt: -5,
  cst: -6,
  mdt: -6,
  mst: -7,
  pdt: -7,
  pst: -8,
};

/** `undefined` where it is no date. A zone that is unknown is UTC, as section 4.3 says. */
export function readDate(value: string): Date | undefined {
  const found = pattern.exec(value.slice(0, 256).replace(/\([^()]*\)/g, " "));
  if (!found) return undefined;
  const [, day, name, writtenYear, hour, minute, second = "0", zone = ""] = found;
  const month = months.indexOf(name!.toLowerCase());
  let year = Number(writtenYear);
  if (writtenYear!.length === 2) year += year < 50 ? 2_000 : 1_900;
  else if (writtenYear!.length === 3) year += 1_900;
  if (month < 0 || year < 1_900 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const local = Date.UTC(year, month, Number(day), Number(hour), Number(minute), Number(second));
  if (new Date(Date.UTC(year, month, Number(day))).getUTCDate() !== Number(day)) return undefined;
  return new Date(local - offsetMinutes(zone) * 60_000);
}

function offsetMinutes(zone: string): number {
  const numeric = /^([+-])(\d\d)(\d\d)$/.exec(zone);
  if (!numeric) return (zones[zone.toLowerCase()] ?? 0) * 60;
  const minutes = Number(numeric[2]) * 60 + Number(numeric[3]);
  return numeric[1] === "-" ? -minutes : minutes;
}
