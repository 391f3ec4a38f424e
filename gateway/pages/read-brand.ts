import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toLocalText } from '#contract/plain-text.ts';
import { ConfigError } from '#runtime/config.ts';
import { readJsonFile } from '#runtime/files/json-file.ts';
import { readRegularFile } from '#runtime/files/regular-file.ts';
import { type BrandFile, brandFileSchema } from './brand/brand-file.ts';
import { paint } from './brand/colours.ts';
import type { Brand } from './brand.ts';
import { prepareIcon, prepareLogo } from './brand-pictures.ts';
import { maxPictureBytes } from './picture.ts';
import { inLanguage } from './words/in-language.ts';
import { readWords } from './words/read-words.ts';
import type { Language } from './words/words.ts';

const maxFileBytes = 100_000;

/**
 * The shop's folder, the setting SECKILL_BRAND_DIR: `brand.json`, `words/<language tag>.json`, and pictures. Throws a
 * {@link ConfigError} with every problem, each with its file and field; nothing else of the folder is used then.
 */
export async function readBrand(dir: string): Promise<Brand> {
  const problems: string[] = [];
  const isFolder = await stat(dir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new ConfigError([`SECKILL_BRAND_DIR must name a folder that is there: ${dir} is none`]);
  const { languages, problems: inWords } = await readWords(join(dir, 'words'));
  problems.push(...inWords);
  const file = await readFile();
  const painted = paint(file.colours ?? {});
  problems.push(...painted.problems.map((problem) => `brand.json: ${problem}`));
  const logo = await readLogo(file.logo);
  const icon = file.icon === undefined ? undefined : await readPicture('icon', file.icon, prepareIcon);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `${dir}/${problem}`));
  return {
    languages: named(languages, file.name),
    ...(logo === undefined ? {} : { logo }),
    ...(icon === undefined ? {} : { icon }),
    colours: painted.colours,
    css: painted.css,
    footer: (file.footer ?? []).map(({ label, url }) => ({ label: textsOf(label), url })),
    ...(file.support === undefined ? {} : { support: supportOf(file.support) }),
  };

  async function readFile(): Promise<BrandFile> {
    const value = await readJsonFile(join(dir, 'brand.json'), maxFileBytes).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') problems.push(`brand.json ${error.message}`);
      return {};
    });
    const { data, error } = brandFileSchema.safeParse(value);
    for (const issue of error?.issues ?? []) {
      const at = issue.path.length === 0 ? '' : `${issue.path.join('.')} `;
      const says = issue.code === 'unrecognized_keys' ? `has an unknown field ${issue.keys.join(', ')}` : issue.message;
      problems.push(`brand.json: ${at}${says.replace(/^Invalid input: /, 'is wrong: ')}`);
    }
    return data ?? {};
  }

  async function readPicture<Drawn extends object>(
    field: string,
    name: string,
    prepare: (bytes: Buffer) => Promise<Drawn | { problem: string }>,
  ): Promise<Drawn | undefined> {
    const bytes = await readRegularFile(join(dir, name), maxPictureBytes).catch((error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'is not there' : error.message;
      problems.push(`${name}, the ${field} of brand.json, ${why}`);
      return null;
    });
    if (bytes === null) return undefined;
    const drawn = await prepare(bytes);
    if (!('problem' in drawn)) return drawn;
    problems.push(`${name}, the ${field} of brand.json, ${drawn.problem}`);
    return undefined;
  }

  async function readLogo(given: BrandFile['logo']): Promise<Brand['logo']> {
    if (given === undefined) return undefined;
    if (typeof given === 'string') {
      const light = await readPicture('logo', given, prepareLogo);
      return light && { light };
    }
    const light = await readPicture('logo', given.light, prepareLogo);
    const dark = await readPicture('logo', given.dark, prepareLogo);
    return light && dark && { light, dark };
  }
}

type Texts = Brand['footer'][number]['label'];
const textsOf = (text: Parameters<typeof toLocalText>[0]): Texts => toLocalText(text);

const supportOf = (address: string) =>
  address.startsWith('https:')
    ? { url: address, label: address.replace(/^https:\/\/|\/$/g, '') }
    : { url: `mailto:${address}`, label: address };

/** The shop's name in the place of "Flash sale", in every language. */
function named(languages: readonly [Language, ...Language[]], name: BrandFile['name']): Brand['languages'] {
  if (name === undefined) return languages;
  const texts = toLocalText(name);
  const withName = (language: Language): Language => {
    const own = inLanguage(texts, language.tag);
    const { words } = language;
    const lacks = new Set(language.lacks);
    if (own === undefined) lacks.add('frame.shop');
    else lacks.delete('frame.shop');
    return { ...language, lacks, words: { ...words, frame: { ...words.frame, shop: own ?? texts.en } } };
  };
  const [english, ...others] = languages;
  return [withName(english), ...others.map(withName)];
}
