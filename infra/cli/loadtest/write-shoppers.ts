import { signSession } from '#http/authenticate.ts';
import type { TicketSource } from '#loadtest/plan/plan.ts';
import { mintTickets } from '../keys/mint-tickets.ts';
import { commandConfig } from '../kit/command-config.ts';
import type { CommandContext } from '../kit/connections.ts';
import { writePrivateLines } from '../kit/write-private-lines.ts';

const ticketsLiveSeconds = 48 * 3600;

/**
 * The shoppers of a load test, a line each, as loadtest/k6/lib/shoppers.ts reads them: `<ticket> <token>` when tickets are
 * minted, else `<user id> <token>`. Sessions are signed here, so that a stack whose demo sign-in is off can be tested too.
 */
export async function writeShoppers(
  { environment, output }: CommandContext,
  wanted: { saleId: string; shoppers: number; tickets: TicketSource; durationSeconds: number; file: string },
): Promise<void> {
  const { saleId, shoppers: count, tickets, durationSeconds, file } = wanted;
  let number = 0;
  const newUserId = () => {
    number += 1;
    return `${saleId}-${number}`;
  };
  if (tickets !== 'edge') {
    output.progress(`${count} tickets are being made`);
    const minted = { saleId, count, ttlSeconds: ticketsLiveSeconds, file, newUserId };
    return mintTickets(environment, minted, ({ ticket, token }) => `${ticket} ${token}`);
  }
  output.progress(`${count} sessions are being signed`);
  const { SECKILL_SESSION_SECRET: secret } = commandConfig(['SECKILL_SESSION_SECRET'], environment);
  const [nowMs, livesSeconds] = [Date.now(), durationSeconds + 3600];
  await writePrivateLines(file, count, () => {
    const userId = newUserId();
    return `${userId} ${signSession(userId, secret, nowMs, livesSeconds)}`;
  });
}
