import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const luaDir = join(import.meta.dirname, '../../../../nginx-lua/lua');
const root = 'seckill';

/** A function of the edge. */
export type LuaFunction = {
  name: string;
  /** A field of `_M`: other modules, nginx and tests may call it. */
  isPublic: boolean;
  /** What its `@phases` line says; none for a local function. */
  phases: string[];
  body: string;
  /** Functions that it mentions, by their full names: it calls them, or hands them to another (`pcall`). */
  calls: string[];
  /** Functions of its own module that it hands to a timer. */
  timers: string[];
};

/** What a name of a file stands for: another module, or a function, by its full name (`seckill.state.get`). */
type Names = Map<string, string>;
/** `function _M.get(` and `local function refresh(`, up to the `end` at the margin; a table of functions likewise. */
const blocks = /^(?:function _M\.(\w+)|local function (\w+)|local (\w+) = (?=\{\n))[^\n]*\n[\s\S]*?^(?:end|\})$/gm;

/**
 * Every function of the edge's modules by its full name, and which others it mentions. What a module does while it is
 * loaded is the function `<module>.(load)`. It reads our own style of Lua (functions stand at the margin, names are bound
 * at the top of a file), and is no parser of the language.
 */
export function readLuaFunctions(): Map<string, LuaFunction> {
  const files = readdirSync(join(luaDir, root), { recursive: true, encoding: 'utf8' }).filter((it) =>
    it.endsWith('.lua'),
  );
  const modules = new Map(
    files.map((file) => {
      const module = `${root}.${file.slice(0, -'.lua'.length).replaceAll('/', '.')}`;
      return [module, readFileSync(join(luaDir, root, file), 'utf8')] as const;
    }),
  );
  const functions = [...modules].flatMap(([module, text]) => functionsOf(module, text));
  const all = new Map(functions.map((it) => [it.name, it]));
  for (const it of functions) it.calls = it.calls.filter((name) => all.has(name) && name !== it.name);
  return all;
}

function functionsOf(module: string, text: string): LuaFunction[] {
  const names = namesOf(module, text);
  const found: LuaFunction[] = [];
  const loading = text.replace(blocks, (block: string, shared?: string, local?: string, table?: string, at = 0) => {
    const comment = /(?:\n--[^\n]*)+\n$/.exec(text.slice(0, at))?.[0] ?? '';
    const phases = /@phases (.+)/.exec(comment)?.[1]?.split(', ') ?? [];
    const name = shared ?? local ?? table ?? '';
    const body = code(block.slice(block.indexOf('\n')));
    const isPublic = shared !== undefined;
    found.push({ name: `${module}.${name}`, isPublic, phases, body, ...mentions(module, names, body) });
    return '';
  });
  // An alias stands for a function and calls it nowhere: of the rest only what is called counts.
  const body = [...code(loading).matchAll(/[\w.]+\(/g)].join(' ');
  const atLoad = { name: `${module}.(load)`, isPublic: false, phases: [], body };
  return [...found, { ...atLoad, ...mentions(module, names, body) }];
}

function namesOf(module: string, text: string): Names {
  const names: Names = new Map();
  for (const [, shared, local, table] of text.matchAll(blocks)) {
    names.set(shared === undefined ? (local ?? table ?? '') : `_M.${shared}`, `${module}.${shared ?? local ?? table}`);
  }
  for (const [, left = '', right = ''] of text.matchAll(/^local ([\w, ]+) = (.+)$/gm)) {
    const values = right.split(/, (?![^(]*\))/);
    for (const [index, name] of left.split(', ').entries()) {
      const value = values[index] ?? '';
      const required = /^require\('([\w.]+)'\)((?:\.\w+)?)$/.exec(value);
      const known = /^(\w+)\.(\w+)$/.exec(value);
      const from = known === null ? undefined : names.get(known[1] ?? '');
      if (required !== null) names.set(name, `${required[1]}${required[2]}`);
      else if (from !== undefined) names.set(name, `${from}.${known?.[2]}`);
      else if (value.startsWith('_M.')) names.set(name, `${module}.${value.slice('_M.'.length)}`);
    }
  }
  return names;
}

function mentions(module: string, names: Names, body: string): { calls: string[]; timers: string[] } {
  const timers: string[] = [];
  const rest = body.replace(
    /\b(?:ngx\.timer\.(?:every|at)|timer_at)\([^,]+, (\w+)(?:, \w+)?\)/g,
    (_call, name: string) => {
      timers.push(`${module}.${name}`);
      return '';
    },
  );
  const calls = [...rest.matchAll(/(?<![\w.:])(\w+)(?:\.(\w+))?/g)].flatMap(([, first = '', second]) => {
    if (first === '_M') return second === undefined ? [] : [`${module}.${second}`];
    const stands = names.get(first);
    if (stands === undefined) return [];
    return second === undefined ? [stands] : [`${stands}.${second}`, stands];
  });
  return { calls: [...new Set(calls)], timers };
}

/** Without comments and the text of strings. */
function code(text: string): string {
  return text
    .replace(/\[\[[\s\S]*?\]\]/g, "''")
    .replace(/'(?:\\.|[^'\\\n])*'/g, (string) => (/^'[\w.]+'$/.test(string) ? string : "''"))
    .replace(/--[^\n]*/g, '');
}
