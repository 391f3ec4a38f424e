import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readLuaFunctions } from '#lab/kits/lua/call-graph.ts';

const confDir = join(import.meta.dirname, '../conf.d');
const functions = readLuaFunctions();
const all = [...functions.values()];

/** What nginx calls, and in which phase: `access_by_lua_block { require('seckill.access').gateway() }`. */
const entries = readdirSync(confDir).flatMap((file) => {
  const text = readFileSync(join(confDir, file), 'utf8');
  return [...text.matchAll(/^\s*(\w+)_by_lua_block .*require\('([\w.]+)'\)\.(\w+)\(/gm)].map(
    ([, phase = '', module, name]) => ({ phase, name: `${module}.${name}` }),
  );
});

function found(name: string) {
  const it = functions.get(name);
  if (it === undefined) throw new Error(`the edge has no function ${name}`);
  return it;
}

/** The phases in which each function runs: nginx calls it there, or a timer does, or a function that runs there. */
const phasesOf = new Map<string, Set<string>>(all.map(({ name }) => [name, new Set()]));
function reach(name: string, phase: string): void {
  const phases = phasesOf.get(name);
  if (phases === undefined || phases.has(phase)) return;
  phases.add(phase);
  for (const callee of found(name).calls) reach(callee, phase);
  for (const timer of found(name).timers) reach(timer, 'timer');
}
for (const { name, phase } of entries) reach(name, phase);
// What a module does while it is loaded: init.lua loads them all.
for (const { name } of all) if (name.endsWith('.(load)')) reach(name, 'init');

test('every by_lua block of nginx is one call of a public function', () => {
  const blocks = readdirSync(confDir).flatMap((file) =>
    readFileSync(join(confDir, file), 'utf8').match(/^[^#\n]*_by_lua/gm),
  );
  expect(entries).toHaveLength(blocks.filter((it) => it !== null).length);
  expect(entries.filter(({ name }) => !found(name).isPublic)).toEqual([]);
});

test('@phases of a public function names each phase in which it runs, and no other', () => {
  const listed = all.filter(({ isPublic, phases }) => isPublic && !phases.includes('any'));
  const said = listed.map(({ name, phases }) => `${name}: ${phases.toSorted().join(', ')}`);
  expect(said).toEqual(listed.map(({ name }) => `${name}: ${[...(phasesOf.get(name) ?? [])].sort().join(', ')}`));
});

test('a function for any phase runs somewhere, touches no request, waits for nothing, and calls only its like', () => {
  const ofAny = all.filter(({ phases }) => phases.includes('any'));
  expect(ofAny.length).toBeGreaterThan(5);
  expect(ofAny.filter(({ name }) => phasesOf.get(name)?.size === 0)).toEqual([]);
  const bound = /\b(?:var|header|print|exit|sleep|tcp|status|start_time)\b(?! =)/;
  const allowed = (name: string): boolean => {
    const { isPublic, phases, body, calls } = found(name);
    return (isPublic ? phases.includes('any') : true) && !bound.test(body) && calls.every(allowed);
  };
  expect(ofAny.filter(({ name }) => !allowed(name)).map(({ name }) => name)).toEqual([]);
});

test('what waits (a sleep, a socket) runs only in phases that may', () => {
  const waiting = all.filter(({ body }) => /\b(?:sleep|tcp)\(|:(?:connect|receive|send)\(/.test(body));
  expect(waiting.length).toBeGreaterThan(5);
  // Source: lua-nginx-module, "ngx.sleep" and "ngx.socket.tcp", their contexts.
  const may = new Set(['access', 'content', 'timer']);
  const wrong = waiting.filter(({ name }) => ![...(phasesOf.get(name) ?? [])].every((phase) => may.has(phase)));
  expect(wrong.map(({ name }) => name)).toEqual([]);
});
