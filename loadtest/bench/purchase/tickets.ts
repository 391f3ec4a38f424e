import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BenchStack } from '../kit/stack.ts';

const minted = z.object({ ticket: z.string() });

/** A file of so many new tickets, one a line; the one before is overwritten. */
export async function mintTickets(stack: BenchStack, saleId: string, count: number): Promise<string> {
  const [minting, file] = [join(stack.dir, 'minted'), join(stack.dir, 'tickets')];
  await stack.seckill('tickets', 'mint', saleId, '--count', String(count), '--out', minting);
  const lines = (await readFile(minting, 'utf8')).trimEnd().split('\n');
  await writeFile(file, `${lines.map((line) => minted.parse(JSON.parse(line)).ticket).join('\n')}\n`);
  return file;
}
