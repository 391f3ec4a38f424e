import { type AnyNode, parse } from '@humanwhocodes/momoa';
import { FileProblem } from './regular-file.ts';
import { maxTextBytes, readTextFile } from './text-file.ts';

/**
 * The value of a JSON file that a person writes. Strict: in UTF-8, and no object has a name twice, which `JSON.parse`
 * answers with the last of the two. Throws {@link FileProblem}, or the error of the file system.
 */
export async function readJsonFile(path: string, maxBytes = maxTextBytes): Promise<unknown> {
  return parseStrictJson(await readTextFile(path, maxBytes));
}

export function parseStrictJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const doubled = doubledNames(parse(text).body);
    if (doubled.length > 0) throw new FileProblem(doubled.join('; '));
    return value;
  } catch (error) {
    if (error instanceof FileProblem) throw error;
    throw new FileProblem(`is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A sentence for each name that one object has twice, by its path from the root. */
function doubledNames(node: AnyNode, path: readonly string[] = []): string[] {
  if (node.type === 'Array') {
    return node.elements.flatMap(({ value }, index) => doubledNames(value, [...path, String(index)]));
  }
  if (node.type !== 'Object') return [];
  const lines = new Map<string, number>();
  return node.members.flatMap(({ name, value }) => {
    const key = name.type === 'String' ? name.value : name.name;
    const here = [...path, key];
    const { line } = name.loc.start;
    const first = lines.get(key);
    lines.set(key, line);
    const lineText = first === line ? `both in line ${line}` : `in line ${first} and in line ${line}`;
    const twice = first === undefined ? [] : [`has "${here.join('.')}" twice, ${lineText}: keep one of them`];
    return [...twice, ...doubledNames(value, here)];
  });
}
