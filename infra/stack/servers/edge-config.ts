import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { edgePlaces } from './edge-places.ts';
import type { EdgeConfigValues } from './edge-values.ts';

const templateDir = join(import.meta.dirname, '../../../nginx-lua');
const suffix = '.template';

/** Templates that only some edges need. */
const only: Record<string, (values: EdgeConfigValues) => boolean> = {
  'conf.d/listen-plain.conf.template': ({ tls }) => tls === null,
  'conf.d/listen-tls.conf.template': ({ tls }) => tls !== null,
  'conf.d/redirect.conf.template': ({ tls }) => tls !== null,
  'conf.d/embed.conf.template': ({ embedOrigins }) => embedOrigins.length > 0,
  'conf.d/embed-headers.conf.template': ({ embedOrigins }) => embedOrigins.length > 0,
};

/**
 * Renders nginx-lua's templates into `outDir` and returns the path of its nginx.conf.
 * Throws on a value that could break out of its quotes, on a placeholder without a value and on a value without a place.
 */
export async function renderEdgeConfig(values: EdgeConfigValues, outDir: string): Promise<string> {
  const names = (await templateNames()).filter((name) => only[name]?.(values) ?? true);
  const templates: Record<string, string> = {};
  for (const name of names) templates[name] = await readFile(join(templateDir, name), 'utf8');
  const rendered = renderTemplates(templates, edgePlaces(values, outDir));

  await mkdir(values.runDir, { recursive: true });
  for (const [name, text] of Object.entries(rendered)) {
    const path = join(outDir, name.slice(0, -suffix.length));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return join(outDir, 'nginx.conf');
}

/** Fills the `{{name}}`s of all templates, by file name; throws unless names and places match exactly. */
export function renderTemplates(
  templates: Readonly<Record<string, string>>,
  places: Readonly<Record<string, string>>,
): Record<string, string> {
  const unused = new Set(Object.keys(places));
  const rendered: Record<string, string> = {};
  for (const [file, template] of Object.entries(templates)) {
    rendered[file] = template.replaceAll(/\{\{(.*?)\}\}/g, (_, name: string) => {
      const value = places[name];
      if (value === undefined) throw new Error(`edge configuration: ${file} names {{${name}}}, which has no value`);
      unused.delete(name);
      return value;
    });
  }
  if (unused.size > 0) throw new Error(`edge configuration: no template uses ${[...unused].join(', ')}`);
  return rendered;
}

async function templateNames(): Promise<string[]> {
  const inConfD = (await readdir(join(templateDir, 'conf.d'))).map((name) => join('conf.d', name));
  return [...(await readdir(templateDir)), ...inConfD].filter((name) => name.endsWith(suffix)).sort();
}
