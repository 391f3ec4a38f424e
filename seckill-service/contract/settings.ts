import { z } from 'zod';
import { parseTicketKeys } from './ticket.ts';

const positiveInt = z.coerce.number().int().positive();

/** `host:port`, `:port` is refused on purpose (it would listen on every interface), or `unix:/path`. */
const listenAddress = z
  .string()
  .regex(/^(unix:\/.+|[A-Za-z0-9.:[\]-]+:\d{1,5})$/, 'must be host:port or unix:/absolute/path');

const ticketKeys = z.string().transform((text, context) => {
  try {
    return parseTicketKeys(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});

/**
 * Every environment variable of every process, in one place: a process picks the ones it reads, and a `SECKILL_*` name
 * that is not here is a mistake wherever it stands. Secrets and addresses have no default: the local stack sets them.
 */
export const settings = {
  SECKILL_STOCK_REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }),
  SECKILL_QUEUE_REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }),
  SECKILL_ZOOKEEPER: z.string().regex(/^[^\s/]+:\d+(,[^\s/]+:\d+)*$/, 'must be host:port[,host:port]'),
  SECKILL_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  SECKILL_LISTEN: listenAddress,
  SECKILL_INNER_LISTEN: listenAddress,
  SECKILL_AGENT_SOCKET: z.string().regex(/^\//, 'must be an absolute path'),
  SECKILL_EDGE_ID: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and hyphen'),
  SECKILL_EDGE_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }),
  SECKILL_EDGE_INNER_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }),
  SECKILL_PAGES_DIR: z.string().regex(/^\//, 'must be an absolute path'),
  SECKILL_TICKET_KEYS: ticketKeys,
  SECKILL_TICKET_TTL_SECONDS: positiveInt.max(3600).default(300),
  SECKILL_SESSION_SECRET: z.string().min(32, 'must be at least 32 characters'),
  SECKILL_DEMO_SIGN_IN: z.enum(['on', 'off']).default('off'),
  SECKILL_INSTANCE: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and hyphen'),
  SECKILL_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  SECKILL_RUN_DIR: z.string().min(1),
  SECKILL_ZOOKEEPER_CLASSPATH: z.string().min(1),
} as const;

export type SettingName = keyof typeof settings;
