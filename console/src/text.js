/** Texts that others chose: names, reasons, metadata, and what a link says. */

/** With the signs that would turn the order of what follows as their numbers. @param {string} text */
export const plain = (text) => text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
