import { expect, test } from 'vitest';
import { type ProblemCode, problemBody, problems } from '#contract/problems.ts';
import { runLua } from './run-lua.ts';

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
