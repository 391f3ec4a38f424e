/**
 * The first of `wanted` that there is, as RFC 4647 looks one up (`zh-Hant-TW`, `zh-Hant`, `zh`), or a sister of it (`pt-BR`
 * for `pt`); else the first that there is. `there`: tags in small letters.
 */
export function chooseLanguage(wanted: readonly string[], there: readonly string[]): string {
  for (const tag of wanted.map((it) => it.toLowerCase())) {
    for (let part = tag; part !== ''; part = part.replace(/-?[^-]*$/, '')) if (there.includes(part)) return part;
    const [family = ''] = tag.split('-');
    const sister = there.find((it) => it.split('-')[0] === family);
    if (sister !== undefined) return sister;
  }
  return there[0] ?? 'en';
}
