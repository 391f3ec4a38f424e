/**
 * `1 unit`, `5 units`, `0 tries`: a number with its noun; the plural is the singular and an s unless it is given. `shown`
 * is the number as it is written.
 */
export const counted = (count: number, one: string, many = `${one}s`, shown = String(count)): string =>
  `${shown} ${count === 1 ? one : many}`;
