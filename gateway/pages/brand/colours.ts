import { z } from 'zod';

/** What a shop may colour, by the name in brand.json and the property in browser/style/base.css. */
const properties = {
  background: '--ground',
  surface: '--surface',
  sunk: '--sunk',
  text: '--ink',
  softText: '--soft',
  line: '--line',
  accent: '--accent',
  onAccent: '--on-accent',
} as const;
export type ColourName = keyof typeof properties;
export type Colours = Readonly<Record<ColourName, string>>;
export const schemes = ['light', 'dark'] as const;
export type Scheme = (typeof schemes)[number];

/** Those of base.css, which a test compares; what brand.json leaves out stays so. */
export const ownColours: Readonly<Record<Scheme, Colours>> = {
  light: {
    ...{ background: '#faf6f1', surface: '#ffffff', sunk: '#f3ece4', line: '#e6dbd0' },
    ...{ text: '#211a15', softText: '#6a5d53', accent: '#c23414', onAccent: '#ffffff' },
  },
  dark: {
    ...{ background: '#15110e', surface: '#201a16', sunk: '#2b231e', line: '#3a302a' },
    ...{ text: '#f6eee7', softText: '#b9aa9d', accent: '#ff7a55', onAccent: '#2a0d04' },
  },
};
/** Of the line that says that a question is answered: it stands on a surface, and no shop changes it. */
export const ownGood: Readonly<Record<Scheme, string>> = { light: '#17683b', dark: '#7fdca3' };

const colour = z
  .string({ error: 'must be a colour such as "#c23414"' })
  .regex(/^#[0-9a-f]{6}$/i, 'must be a colour as # and six hexadecimal digits, such as "#c23414"')
  .toLowerCase();
const named = z.strictObject({
  ...{ background: colour.optional(), surface: colour.optional(), sunk: colour.optional(), text: colour.optional() },
  ...{ softText: colour.optional(), line: colour.optional(), accent: colour.optional(), onAccent: colour.optional() },
} satisfies Record<ColourName, z.ZodType>);
export const coloursSchema = z.strictObject({ light: named.optional(), dark: named.optional() });
export type GivenColours = z.infer<typeof coloursSchema>;

/** What stands on what, in the style: each pair must be readable. */
type Judged = ColourName | 'good' | 'accentPressed';
const pairs: readonly (readonly [on: Judged, under: Judged])[] = [
  ...(['text', 'softText'] as const).flatMap((on) =>
    (['background', 'surface', 'sunk'] as const).map((under) => [on, under] as const),
  ),
  ['accent', 'background'],
  ['accent', 'surface'],
  ['good', 'surface'],
  ['onAccent', 'accent'],
  ['onAccent', 'accentPressed'],
];
const leastContrast = 4.5;

const channels = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

/** The contrast of two colours, 1 to 21. Source: WCAG 2.2, "relative luminance" and "contrast ratio". */
export function contrast(one: string, other: string): number {
  const luminance = (hex: string) => {
    const [red = 0, green = 0, blue = 0] = channels(hex).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The button under the pointer: its colour with an eighth of the text's in it. */
function pressedOf({ accent, text }: Colours): string {
  const mixed = channels(accent).map((value, at) => Math.round(value * 0.875 + (channels(text)[at] ?? 0) * 0.125));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

/**
 * The colours of the pages, and the style that changes base.css to them. `problems`: a sentence for each pair that cannot
 * be read, with both colours and the contrast.
 */
export function paint(given: GivenColours): { colours: Record<Scheme, Colours>; css: string; problems: string[] } {
  const problems: string[] = [];
  const colours = { light: { ...ownColours.light }, dark: { ...ownColours.dark } };
  const rules: string[] = [];
  for (const scheme of schemes) {
    const own = Object.fromEntries(Object.entries(given[scheme] ?? {}).filter(([, value]) => value !== undefined));
    const all: Colours = { ...ownColours[scheme], ...own };
    colours[scheme] = all;
    if (Object.keys(own).length === 0) continue;
    const pressed = pressedOf(all);
    const judged = { ...all, good: ownGood[scheme], accentPressed: pressed };
    for (const [on, under] of pairs) {
      const reached = contrast(judged[on], judged[under]);
      if (reached >= leastContrast) continue;
      const ratio = (Math.floor(reached * 10) / 10).toFixed(1); // down: never the least itself
      const [what, where] = [on, under].map((name) => `${nameOf(name)} ${judged[name]}`);
      problems.push(
        `colours.${scheme}: ${what} on ${where} has a contrast of ${ratio}:1, and ${leastContrast}:1 is needed: make one lighter or darker`,
      );
    }
    const set = Object.keys(own).map((name) => `${properties[name as ColourName]}:${all[name as ColourName]}`); // by the schema
    const style = `:root{${[...set, ...('accent' in own || 'text' in own ? [`--accent-hot:${pressed}`] : [])].join(';')}}`;
    rules.push(
      scheme === 'light'
        ? `@media(prefers-color-scheme:light){${style}}`
        : `@media(prefers-color-scheme:dark){${style}}`,
    );
  }
  return { colours, css: rules.join(''), problems };
}

const nameOf = (name: string) =>
  ({
    good: 'the green of an answer that is in,',
    accentPressed: 'the pressed button (accent with an eighth of text),',
  })[name] ?? `"${name}"`;
