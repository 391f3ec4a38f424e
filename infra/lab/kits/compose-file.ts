import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { deployDir } from './process-settings.ts';

type Node = { [key: string]: unknown };
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists of which the later file's word stands alone. */
const replaced: ReadonlySet<string> = new Set(['command', 'entrypoint', 'test']);
/** Lists in which what has the same target is the same thing. */
const byTarget: ReadonlySet<string> = new Set(['volumes', 'secrets', 'configs', 'tmpfs', 'ports']);

const targetOf = (each: unknown): string => {
  if (isNode(each)) return String(each.target);
  const parts = String(each).split(':');
  return parts[1]?.startsWith('/') ? parts[1] : (parts[0] ?? '');
};

/** What Compose makes of several files, https://docs.docker.com/reference/compose-file/merge/: as far as ours go. */
function merge(base: unknown, over: unknown, key: string): unknown {
  if (isNode(base) && isNode(over)) {
    const merged: Node = { ...base };
    for (const [name, value] of Object.entries(over)) {
      merged[name] = name in base ? merge(base[name], value, name) : value;
    }
    return merged;
  }
  if (!Array.isArray(base) || !Array.isArray(over) || replaced.has(key)) return over;
  const all: unknown[] = [...base, ...over];
  if (!byTarget.has(key)) return all;
  return [...new Map(all.map((each) => [targetOf(each), each])).values()];
}

const read = (name: string): Node => {
  const document: unknown = parse(readFileSync(join(deployDir, name), 'utf8'), { merge: true });
  if (!isNode(document)) throw new Error(`${name} is no mapping`);
  return document;
};
const servicesOf = ({ services }: Node): Node => (isNode(services) ? services : {});

/** The files of infra/deploy as one, each over the one before it; `extends` is followed into the file that it names. */
export function readComposeFiles(...names: readonly string[]): unknown {
  return names.map(read).reduce((base, over) => {
    const services = Object.fromEntries(
      Object.entries(servicesOf(over)).map(([name, service]) => {
        if (!isNode(service) || !isNode(service.extends)) return [name, service];
        const { extends: from, ...own } = service;
        const extended = servicesOf(read(String((from as Node).file)))[String((from as Node).service)];
        return [name, merge(extended, own, '')];
      }),
    );
    return merge(base, { ...over, services }, '') as Node;
  });
}
