/** What is there in that language, else in the one that it is a kind of: `zh` for `zh-Hant`. */
export function inLanguage<Value>(texts: Readonly<Record<string, Value>> | undefined, tag: string): Value | undefined {
  for (let part = tag; part !== ''; part = part.replace(/-?[^-]*$/, '')) {
    const found = texts?.[part];
    if (found !== undefined) return found;
  }
  return undefined;
}
