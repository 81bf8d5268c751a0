/** What every module draws with. Text in a template is a text node, never markup. */
import { h } from "preact";
import htm from "htm";

export { Component, createContext, Fragment, render } from "preact";
export {
  useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useRef, useState,
} from "preact/hooks";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);

/**
 * @typedef {object} Store
 * @property {() => any} get
 * @property {(value: any) => void} set
 * @property {(listener: () => void) => () => void} listen
 */

/**
 * A value that modules share and pages follow.
 * @template T
 * @param {T} value
 */
export function store(value) {
  /** @type {Set<() => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener();
    },
    /** @param {() => void} listener */
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
