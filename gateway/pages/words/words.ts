import type english from './en.json';

/** A sentence with a number: the form that the language uses for it (CLDR plural categories, as `Intl.PluralRules` names them). */
export type Plural = { other: string } & { [Form in 'zero' | 'one' | 'two' | 'few' | 'many']?: string };
export type Text = string | Plural;

/** What every language's file holds: the keys of en.json, each a text, or the forms of one. */
export type Words = Shape<typeof english>;
type Shape<Of> = Of extends string
  ? string
  : Of extends { other: string }
    ? Plural
    : { [Key in keyof Of]: Shape<Of[Key]> };

/** `order.steps.paid`: every path to a text in en.json. */
export type Key = Path<Omit<typeof english, 'language'>>;
type Path<Of> = {
  [Name in keyof Of & string]: Of[Name] extends string | { other: string } ? Name : `${Name}.${Path<Of[Name]>}`;
}[keyof Of & string];

/** A language of the pages. The first of a list of them is English: what another one lacks is shown in it. */
export type Language = {
  /** As the file is named and a sale's `translations` name it; in class names and attributes in small letters. */
  tag: string;
  /** Whole: what the language lacks is in the one that it is a kind of, else in English. */
  words: Words;
  /** The keys of what it lacks. */
  lacks?: ReadonlySet<string>;
};

/** An asset of its own (`words.zh-Hans.<hash>.json`): what the script says in one language. */
export type LiveWords = { tag: string; locale: string; live: Words['live'] };
