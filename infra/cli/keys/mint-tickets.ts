import { newOrderId } from '#contract/order.ts';
import { signTicket } from '#contract/ticket.ts';
import { signSession } from '#http/authenticate.ts';
import { commandConfig } from '../kit/command-config.ts';
import type { CommandContext } from '../kit/connections.ts';
import { writePrivateLines } from '../kit/write-private-lines.ts';
import { readTicketKeys } from './ticket-keys-file.ts';

export type Minted = { userId: string; token: string; orderId: string; ticket: string; expiresAt: string };

/**
 * Writes signed tickets of new users to `file`, a line each as `line` spells it. Tickets are money: readable by their
 * owner only, also when the file was there before.
 */
export async function mintTickets(
  environment: CommandContext['environment'],
  options: { saleId: string; count: number; ttlSeconds: number; file: string; newUserId: () => string },
  line: (minted: Minted) => string,
  onMinted: (count: number) => void = () => {},
): Promise<void> {
  const { saleId, count, ttlSeconds, file: path, newUserId } = options;
  const { SECKILL_SESSION_SECRET: secret } = commandConfig(['SECKILL_SESSION_SECRET'], environment);
  const keys = await readTicketKeys(environment);
  const nowMs = Date.now();
  const expiresAtMs = nowMs + ttlSeconds * 1000;
  const expiresAt = new Date(expiresAtMs).toISOString();
  await writePrivateLines(
    path,
    count,
    () => {
      const userId = newUserId();
      const orderId = newOrderId(saleId, nowMs);
      const ticket = signTicket({ orderId, userId, expiresAtMs }, keys);
      return line({ userId, token: signSession(userId, secret, nowMs), orderId, ticket, expiresAt });
    },
    onMinted,
  );
}
