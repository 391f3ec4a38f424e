import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bearerChallenge, type ProblemCode, problemBody, problems } from '#contract/problems.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';

type EdgeProblem = { status: number; body: string; length: number };

const edgeProblems = runLua("return require('seckill.respond').problems") as Record<string, EdgeProblem>;

test('each refusal of the edge is, byte for byte, the one in the contract', () => {
  expect(Object.keys(edgeProblems).length).toBeGreaterThan(0);
  for (const [code, { status, body, length }] of Object.entries(edgeProblems)) {
    expect(problems).toHaveProperty(code);
    expect(body).toBe(JSON.stringify(problemBody(code as ProblemCode)));
    expect(status).toBe(problems[code as ProblemCode].status);
    expect(length).toBe(Buffer.byteLength(body));
  }
});

test('each refusal that nginx gives by itself is the one in the contract, and is the verdict of the same name', () => {
  const conf = readFileSync(join(import.meta.dirname, '../conf.d/refusals.conf.template'), 'utf8');
  const blocks = [...conf.matchAll(/^if \(\$seckill_verdict = (\w+)\) \{([\s\S]*?)\n\}$/gm)];
  const refusals = blocks.filter(([, verdict]) => !/^PASSED$|^BY_HTTP$|AWAITED$/.test(verdict ?? ''));
  expect(refusals.length).toBeGreaterThan(8);
  for (const [, verdict = '', block = ''] of refusals) {
    const { status, body } = /return (?<status>\d+) '(?<body>.*)';$/m.exec(block)?.groups ?? {};
    expect({ verdict, status, body }).toEqual({
      verdict,
      status: String(problems[verdict as ProblemCode].status),
      body: JSON.stringify(problemBody(verdict as ProblemCode)),
    });
    expect(block).toContain('add_header Cache-Control no-store always;');
  }
});

test('the ticket office’s refusals are returned by status: nginx has a block for each that Lua can choose', () => {
  const conf = readFileSync(join(import.meta.dirname, '../conf.d/office-rest.conf.template'), 'utf8');
  const blocks = [...conf.matchAll(/^if \(\$seckill_verdict = (\d+)\) \{([\s\S]*?)\n\}$/gm)];
  const { METHOD_NOT_ALLOWED, BODY_TOO_LARGE } = problems; // nginx finds these by itself, before Lua
  const ofNginx = new Set<number>([METHOD_NOT_ALLOWED.status, BODY_TOO_LARGE.status]);
  const statuses = new Set(Object.values(edgeProblems).map(({ status }) => status));
  expect(blocks.map(([, status]) => Number(status)).sort()).toEqual([...statuses.difference(ofNginx)].sort());
  for (const [, status = '', block = ''] of blocks) {
    expect(block).toContain('include conf.d/headers.conf;\n  add_header Cache-Control no-store always;');
    expect(block).toContain(`return ${status} $seckill_body;`);
    expect(block.includes(`add_header WWW-Authenticate '${bearerChallenge}' always;`)).toBe(status === '401');
  }
});
