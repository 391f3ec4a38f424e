import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test, vi } from 'vitest';
import { nothingApplied } from '#contract/edge-stream.ts';
import type { SaleNode } from '#contract/sale.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { createLogger } from '#runtime/logger.ts';
import { followEdgeOffice } from './edge-office.ts';
import { startAgent } from './stream.ts';
import type { SettingsWatch } from './watch-settings.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

async function agentWith(sales: SaleNode[]) {
  const followed: Parameters<typeof startAgent>[0]['sales'] = {
    all: () => sales,
    onChange: () => undefined,
    onComplete: (listener) => listener(),
  };
  const settings: SettingsWatch = {
    get: () => undefined,
    onChange: () => undefined,
    onComplete: (listener) => listener(),
    close: () => undefined,
  };
  const keys = [{ id: 'k1', secret: 's'.repeat(32) }];
  const ticketKeys = { get: () => keys, onChange: () => undefined, close: () => undefined };
  const office = followEdgeOffice({
    challengeSecret: 'c'.repeat(32),
    sessionSecret: 's'.repeat(32),
    ticketTtlMs: 300_000,
    signIn: null,
  });
  const folder = mkdtempSync(join(tmpdir(), 'agent-'));
  const socketPath = join(folder, 'agent.sock');
  const agent = await startAgent({
    socketPath,
    sales: followed,
    settings,
    ticketKeys,
    office,
    logger,
    onNews: () => undefined,
  });
  onTestFinished(() => {
    agent.close();
    rmSync(folder, { recursive: true });
  });
  return { agent, socketPath };
}

test('an edge that dies with our words unread does not take the gateway along; the next one is served', async () => {
  // More than the kernel and the client hold, so that part of it is still unread when the edge goes.
  const { agent, socketPath } = await agentWith(
    Array.from({ length: 6000 }, (_, index) => saleNode({ saleId: `sale-${index}` })),
  );
  const dying = connect(socketPath);
  await once(dying, 'connect');
  dying.pause();
  await vi.waitUntil(() => agent.connected(), 20_000);
  dying.destroy();
  await vi.waitUntil(() => !agent.connected(), 20_000);

  const next = connect(socketPath);
  const [line] = await once(createInterface({ input: next }), 'line');
  expect(JSON.parse(String(line))).toMatchObject({ type: 'snapshot' });
  next.write(`${JSON.stringify({ type: 'applied', ...nothingApplied, epochs: { 'sale-0': 1 } })}\n`);
  await vi.waitUntil(() => agent.applied()?.epochs['sale-0'] === 1, 20_000);
  next.destroy();
});
