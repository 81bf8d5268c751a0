import { useLayoutEffect, useState } from "./ui.js";

/**
 * The present value of a store; draws again when it changes.
 * @template T
 * @param {{get: () => T, listen: (listener: () => void) => () => void}} from
 * @returns {T}
 */
export function useStore(from) {
  const [, again] = useState(0);
  useLayoutEffect(() => from.listen(() => again((count) => count + 1)), [from]);
  return from.get();
}
