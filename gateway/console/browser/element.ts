import { counted as withNoun } from '#runtime/counted.ts';

/** The element with this id; the page's frame has it. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T; // page.ts says which kind it is
}

/** A new element with text or children. What comes from a sale is text, never markup. */
export function make(
  tag: string,
  content: string | (string | Node)[],
  attributes: Record<string, string> = {},
): HTMLElement {
  const element = document.createElement(tag);
  element.append(...(typeof content === 'string' ? [content] : content));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Writes a text only where it changed: a screen reader is not told the same thing each second. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts rows in the place of those that are there, unless they say the same. */
export function fill(parent: HTMLElement, rows: HTMLElement[]): void {
  const next = rows.map(({ outerHTML }) => outerHTML).join('');
  if (parent.dataset.shown === next) return;
  parent.dataset.shown = next;
  parent.replaceChildren(...rows);
}

export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? '?' : value.toLocaleString('en');

/** `1 order`, `12,345 orders`. */
export const counted = (value: number, one: string, many?: string): string => withNoun(value, one, many, count(value));
