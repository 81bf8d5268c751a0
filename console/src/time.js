/**
 * Times as texts. The API gives instants in UTC ("2026-12-01T13:05:07.123Z") and days in UTC ("2026-12-01").
 *
 * An instant is shown in the viewer's zone, and names it; a day of usage is a day in UTC for everybody, and says so.
 * So no figure of a day moves with the viewer.
 */

const DAY_MS = 86_400_000;

/** The viewer's zone, such as "Europe/Berlin". */
export const viewersZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** "Dec 1, 14:05:07", with the year if it is another one. @param {string} at @param {{zone?: string, locale?: string, now?: number}} [how] */
export function localText(at, how = {}) {
  const instant = new Date(at);
  if (Number.isNaN(instant.getTime())) return at;
  const year = /** @param {Date} of */ (of) => new Intl.DateTimeFormat("en", { timeZone: how.zone, year: "numeric" }).format(of);
  const isThisYear = year(instant) === year(new Date(how.now ?? Date.now()));
  return new Intl.DateTimeFormat(how.locale, {
    timeZone: how.zone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", ...(isThisYear ? {} : { year: "numeric" }),
  }).format(instant);
}

/** For a tooltip: the instant in UTC as the API gave it, and the zone in which it is shown. @param {string} at @param {string} [zone] */
export const utcTitle = (at, zone = viewersZone()) => `${at.replace("T", " ").replace("Z", " UTC")} (shown in ${zone})`;

/** "in 5 min", "3 h ago". @param {string} at @param {number} now @param {string} [locale] */
export function distance(at, now, locale) {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  if (Number.isNaN(seconds)) return at;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(seconds, "second");
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];

/** The UTC day of an instant. @param {number | string} at milliseconds, or a text of the API @returns {string} "2026-12-01" */
export const utcDay = (at) => new Date(at).toISOString().slice(0, 10);

/** @param {string} day @param {number} count */
export const plusDays = (day, count) => utcDay(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS);

/** The UTC days from `from` to `to`, both included. @param {string} from @param {string} to @returns {string[]} */
export function days(from, to) {
  const found = [];
  for (let day = from; day <= to && found.length < 400; day = plusDays(day, 1)) found.push(day);
  return found;
}

/** The last `count` UTC days, today included. @param {number} count @param {number} [now] */
export function lastDays(count, now = Date.now()) {
  const to = utcDay(now);
  return { from: plusDays(to, 1 - count), to };
}

/** The first and the last day of the month that a UTC day is in. @param {string} day */
export function monthOf(day) {
  const from = `${day.slice(0, 7)}-01`;
  return { from, to: plusDays(`${plusDays(from, 31).slice(0, 7)}-01`, -1) };
}

/** "Mon, Dec 1": a day in UTC, whatever the viewer's zone. @param {string} day @param {string} [locale] */
export function dayText(day, locale) {
  const instant = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(instant.getTime())) return day;
  return new Intl.DateTimeFormat(locale, { timeZone: "UTC", weekday: "short", month: "short", day: "numeric" }).format(instant);
}

/** "Nov 2 – Dec 1, 2026 (days in UTC)". @param {string} from @param {string} to @param {string} [locale] */
export function periodText(from, to, locale) {
  const [first, last] = [from, to].map((day) => new Date(`${day}T00:00:00Z`));
  if ([first, last].some((each) => Number.isNaN(each.getTime()))) return `${from} – ${to} (days in UTC)`;
  const format = new Intl.DateTimeFormat(locale, { timeZone: "UTC", month: "short", day: "numeric", year: "numeric" });
  return `${format.formatRange(first, last)} (days in UTC)`;
}
