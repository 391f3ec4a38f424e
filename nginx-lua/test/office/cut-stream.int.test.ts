import { afterAll, beforeAll, expect, test } from 'vitest';
import { ticketAnswerSchema } from '#contract/challenge.ts';
import type { EdgeLine } from '#contract/edge-stream.ts';
import { checkTicket, formatTicketKeys, type TicketKey } from '#contract/ticket.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { signSession } from '#http/authenticate.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { poll } from '#lab/poll.ts';
import { ask, edgeOffice, saleOf, startEdge, type TestEdge, ticketKeys } from '#lab/servers/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.stop());

const sale = saleOf('none', { challenge: 'none' });
const newKey: TicketKey = { id: 'k9', secret: 'a ticket key that signs from now on: 32 or more' };
const newOffice = { ...edgeOffice, challengeSecret: 'the challenge secret from now on: 32 or more' };

/** By which ticket key the edge itself signs, for a challenge that is signed by this secret; `none` when it gives no ticket. */
async function signedBy(challengeSecret: string): Promise<string> {
  const authorization = `Bearer ${signSession('ada', edgeOffice.sessionSecret, Date.now())}`;
  const { challengeId } = createChallenges(challengeSecret).create(
    saleNode({ saleId: 'none', challenge: 'none' }),
    'ada',
    Date.now(),
  );
  const headers = { authorization, 'content-type': 'application/json' };
  const body = Buffer.from(JSON.stringify({ challengeId, answer: '' }));
  const { status, text } = await ask(edge, '/api/sales/none/ticket', { method: 'POST', headers, body });
  if (status !== 201) return 'none';
  const { ticket } = ticketAnswerSchema.parse(JSON.parse(text));
  expect(checkTicket(ticket, [newKey, ...ticketKeys], Date.now()).kind).toBe('valid');
  return ticket.split('.')[1] ?? '';
}

test('a stream that is cut within a rotation changes nothing, at whichever byte; the whole line does', async () => {
  await edge.agent.send({ type: 'snapshot', sales: [sale], keys: formatTicketKeys(ticketKeys), office: edgeOffice });
  expect([await signedBy(edgeOffice.challengeSecret), await signedBy(newOffice.challengeSecret)]).toEqual([
    'k2',
    'none',
  ]);
  const lines: EdgeLine[] = [
    { type: 'keys', keys: formatTicketKeys([newKey, ...ticketKeys]) },
    { type: 'office', office: newOffice },
    { type: 'snapshot', sales: [], keys: formatTicketKeys([newKey]), office: newOffice },
  ];
  for (const line of lines.map((each) => JSON.stringify(each))) {
    // Within a key, within a secret, and with the line's end missing alone.
    for (const length of [Math.floor(line.length / 2), line.length - 3, line.length]) {
      const connections = edge.agent.connections();
      edge.agent.cut(line.slice(0, length));
      await poll('nginx comes back', () => edge.agent.connections() > connections);
      expect(await signedBy(edgeOffice.challengeSecret)).toBe('k2');
      expect(await signedBy(newOffice.challengeSecret)).toBe('none');
    }
  }
  for (const line of lines.slice(0, 2)) await edge.agent.send(line);
  expect([await signedBy(edgeOffice.challengeSecret), await signedBy(newOffice.challengeSecret)]).toEqual([
    'none',
    'k9',
  ]);
  expect(edge.gateway.seen).toEqual([]);
});
