import { type Colours, ownColours, type Scheme } from './brand/colours.ts';
import type { Picture } from './picture.ts';
import type { Texts } from './speech.ts';
import { builtInLanguages } from './words/languages.ts';
import type { Language } from './words/words.ts';

/** What makes the pages those of one shop. Its name is in the words (`frame.shop`). */
export type Brand = {
  languages: readonly [Language, ...Language[]];
  /** In the place of icon and name. */
  logo?: { light: Picture; dark?: Picture };
  /** A PNG. */
  icon?: Buffer;
  colours: Readonly<Record<Scheme, Colours>>;
  /** Comes after the style of the pages. */
  css: string;
  footer: readonly { label: Texts; url: string }[];
  /** `label`: what a person reads of the address. */
  support?: { url: string; label: string };
};

/** Of a shop that says nothing. */
export const ownBrand: Brand = { languages: builtInLanguages, colours: ownColours, css: '', footer: [] };
