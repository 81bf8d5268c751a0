/**
 * One operation and its tries. The key is made when the dialog opens. The same content has the same key, so that a second
 * click, or a try after a lost answer, is a replay. Other content gets a new key, but only once the answer to the last
 * content is known: as long as it is not, only the same may be tried again.
 */

const TOO_MANY = 429;
const FAULTS = 500;

/** @typedef {{key: string, sent: string | null}} Attempt */

/** @param {string} key @returns {Attempt} */
export const begun = (key) => ({ key, sent: null });

/**
 * The attempt with which content is sent.
 * @param {Attempt} before @param {unknown} content @param {() => string} newKey @returns {Attempt}
 */
export function attemptOf(before, content, newKey) {
  const text = JSON.stringify(content);
  return before.sent === null || before.sent === text ? { key: before.key, sent: text } : { key: newKey(), sent: text };
}

/** Whether it may have been recorded although there was no answer that says so. @param {{status?: number}} error */
export const isUnknown = (error) => !error.status || error.status === TOO_MANY || error.status >= FAULTS;

const RECORDED = new Set([402, 404, 409]);

/** Whether there may be a new entry: that of a refusal, or one of which nothing is known. @param {{status?: number}} error */
export const mayBeRecorded = (error) => isUnknown(error) || RECORDED.has(Number(error.status));
