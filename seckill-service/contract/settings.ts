import { z } from 'zod';
import {
  databaseUrl,
  hostsAndPorts,
  httpUrl,
  httpUrls,
  isSentinelUrl,
  kafkaPlace,
  listenAddress,
  redisPlace,
  zookeeperAuth,
  zookeeperPlaces,
} from './addresses.ts';
import { type CdcSinkName, cdcSinkNames } from './cdc.ts';
import { currencySchema } from './currencies.ts';
import { embedOriginsSchema } from './embed-origins.ts';
import { parseHandOverKeys } from './hand-over-keys.ts';
import { parsePersonalKeys } from './personal-keys.ts';
import { parseRsaPrivateKey, parseRsaPublicKey } from './rsa-keys.ts';
import { isSecureUrl } from './secure-url.ts';
import { signInUrlProblem } from './sign-in.ts';
import { parseTicketKeys } from './ticket.ts';

const positiveInt = z.coerce.number().int().positive();

const signInUrl = z.string().superRefine((text, context) => {
  const message = signInUrlProblem(text);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

const whsec = 'whsec_[A-Za-z0-9+/]{32,88}={0,2}';
/** No ticket of the ticket office lives longer: after that a key that signs no more is needed no more. */
export const maxTicketTtlSeconds = 3600;

/** Payment providers that order-worker has an adapter for. `http`: the protocol of payment-protocol.ts; `stripe`: Stripe Checkout; `alipay`. */
export const paymentProviderNames = ['http', 'stripe', 'alipay'] as const;
export type PaymentProviderName = (typeof paymentProviderNames)[number];

/** Keys travel there, and what is signed. */
const isSecureText = (text: string) => URL.canParse(text) && isSecureUrl(new URL(text));
/** `https://host[:port]`, nothing after it. */
const secretOrigin = z
  .string()
  .refine(
    (text) => isSecureText(text) && new URL(text).origin === text,
    'must be an origin, https://host, nothing after it (http:// only on a loopback address)',
  );

const absolutePath = z.string().regex(/^\//, 'must be an absolute path');

/** `CNY=100,USD=50`: minor units by currency. */
const priceFloor = z.string().transform((text, context) => {
  const floors: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [, currency, amount] = /^\s*([A-Z]{3})=(\d{1,13})\s*$/.exec(part) ?? [];
    if (currency === undefined) {
      context.addIssue({ code: 'custom', message: 'must be minor units by currency, for example CNY=10000,USD=1500' });
      return z.NEVER;
    }
    const { error } = currencySchema.safeParse(currency);
    if (error !== undefined) {
      context.addIssue({ code: 'custom', message: `names ${currency}, which ${error.issues[0]?.message}` });
      return z.NEVER;
    }
    if (currency in floors) {
      context.addIssue({ code: 'custom', message: `names ${currency} twice: keep one of them` });
      return z.NEVER;
    }
    floors[currency] = Number(amount);
  }
  return floors;
});

/** A setting that `parse` reads, and that is wrong where it throws. */
const parsedBy = <T>(parse: (text: string) => T) =>
  z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
const ticketKeys = parsedBy(parseTicketKeys);
const handOverKeys = parsedBy(parseHandOverKeys);

const webhookSecrets = z
  .string()
  .regex(new RegExp(`^${whsec}([\\s,]+${whsec})*$`), 'must be whsec_ and base64, several separated by commas');

/**
 * Every environment variable of every process, in one place: a process picks the ones it reads, and a `SECKILL_*` name
 * that is not here is a mistake wherever it stands. Secrets and addresses have no default: the local stack sets them.
 * What may hold a secret has a twin that ends in `_FILE`: `readConfig` takes the value out of that file then.
 */
export const settings = {
  SECKILL_STOCK_REDIS_URL: redisPlace,
  SECKILL_STOCK_REDIS_URL_FILE: absolutePath.optional(),
  /** How many replicas of stock Redis must have a yes before it is told; left out: see {@link stockReplicas}. */
  SECKILL_STOCK_REPLICAS: z
    .enum(['0', '1'], 'must be 0 (a yes is on one disk) or 1 (a yes is on two disks)')
    .transform(Number)
    .optional(),
  SECKILL_QUEUE_REDIS_URL: redisPlace,
  SECKILL_QUEUE_REDIS_URL_FILE: absolutePath.optional(),
  /** nginx has its own address of it, of one server: a replica is read as well as a primary. */
  SECKILL_CACHE_REDIS_URL: redisPlace,
  SECKILL_CACHE_REDIS_URL_FILE: absolutePath.optional(),
  SECKILL_ZOOKEEPER: zookeeperPlaces,
  /** Owner of all nodes: only this user may change them. Several while one takes another's place, the new one first. */
  SECKILL_ZOOKEEPER_AUTH: zookeeperAuth.optional(),
  SECKILL_ZOOKEEPER_AUTH_FILE: absolutePath.optional(),
  SECKILL_DATABASE_URL: databaseUrl,
  SECKILL_DATABASE_URL_FILE: absolutePath.optional(),
  /** PostgreSQL as `seckill cdc run` reads it: by a role of its own, which `seckill migrate` makes. docs/data-team.md */
  SECKILL_CDC_DATABASE_URL: databaseUrl,
  SECKILL_CDC_DATABASE_URL_FILE: absolutePath.optional(),
  /** Where the changes of the order tables go: files in SECKILL_CDC_DIR, or the Kafka of SECKILL_CDC_KAFKA_URL. */
  SECKILL_CDC_SINK: z.enum(cdcSinkNames, `must be ${cdcSinkNames.join(' or ')}`),
  SECKILL_CDC_DIR: absolutePath,
  SECKILL_CDC_KAFKA_URL: kafkaPlace,
  SECKILL_CDC_KAFKA_URL_FILE: absolutePath.optional(),
  /** PEM certificates that Kafka's are trusted by, in the place of the public ones. */
  SECKILL_CDC_KAFKA_CA_FILE: absolutePath.optional(),
  /** Changes that `seckill cdc run` follows a second, at most, so that a burst of orders goes first; `off`: as fast as they come. */
  SECKILL_CDC_RATE: z
    .string()
    .regex(/^(off|[1-9]\d{0,8})$/, 'must be a whole number above 0 of changes a second, or off')
    .default('10000')
    .transform((text) => (text === 'off' ? null : Number(text))),
  SECKILL_LISTEN: listenAddress,
  SECKILL_INNER_LISTEN: listenAddress,
  SECKILL_AGENT_SOCKET: absolutePath,
  SECKILL_EDGE_ID: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and hyphen'),
  SECKILL_EDGE_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }),
  /** Every edge by an address of its own, not by that of a load balancer; left out: SECKILL_EDGE_URL is the one edge. */
  SECKILL_EDGE_URLS: httpUrls.optional(),
  /** `host:port` of every edge, where SECKILL_EDGE_URL does not lead to them from here; its name stays in the request and in TLS. */
  SECKILL_EDGE_CONNECT: hostsAndPorts.optional(),
  /** PEM certificates that the command line trusts an edge's by, beside the public ones. */
  SECKILL_EDGE_CA_FILE: absolutePath.optional(),
  /** The command that shows the processes where the command line's hints are read: not `seckill status` in a container. */
  SECKILL_STATUS_COMMAND: z.string().min(1).optional(),
  SECKILL_EDGE_INNER_URL: httpUrls,
  /** The least that a unit may cost: `seckill sale open` refuses a sale below it. */
  SECKILL_PRICE_FLOOR: priceFloor.optional(),
  /** For the console: the inner addresses of every seckill-service and order-worker. */
  SECKILL_SERVICE_INNER_URL: httpUrls,
  SECKILL_WORKER_INNER_URL: httpUrls,
  SECKILL_PAGES_DIR: absolutePath,
  /** The shop's folder: its name, logo, colours and words. docs/brand.md */
  SECKILL_BRAND_DIR: absolutePath.optional(),
  /** One of the two: fixed keys, or a file that may change while the processes run (`seckill keys rotate`). */
  SECKILL_TICKET_KEYS: ticketKeys.optional(),
  SECKILL_TICKET_KEYS_FILE: absolutePath.optional(),
  SECKILL_TICKET_TTL_SECONDS: positiveInt.max(maxTicketTtlSeconds).default(300),
  SECKILL_SESSION_SECRET: z.string().min(32, 'must be at least 32 characters'),
  SECKILL_SESSION_SECRET_FILE: absolutePath.optional(),
  /** Signs challenges and seals the answers of quizzes: with another one, the quizzes of existing sales have no answer. */
  SECKILL_CHALLENGE_SECRET: z.string().min(32, 'must be at least 32 characters'),
  SECKILL_CHALLENGE_SECRET_FILE: absolutePath.optional(),
  /** The origin that shoppers see, `https://sale.example`: a payment provider's page leads back there. Without a slash at its end. */
  SECKILL_PUBLIC_URL: httpUrl
    .refine(
      (text) => URL.canParse(text) && new URL(text).origin === text,
      'must be an origin: https://host, nothing after it',
    )
    .optional(),
  /** Origins of pages that may embed a sale, for the edges of a stack on this machine; left out: none. docs/embedding.md */
  SECKILL_EMBED_ORIGINS: embedOriginsSchema.optional(),
  /**
   * Seal and open contact and address of shoppers: `<id>:<32 bytes in base64>`, several separated by commas. The first seals, all
   * open. Without one nothing can be given to a sale that collects them. docs/personal-data.md
   */
  SECKILL_PERSONAL_KEYS: parsedBy(parsePersonalKeys).optional(),
  SECKILL_PERSONAL_KEYS_FILE: absolutePath.optional(),
  /** Which adapter order-worker speaks to the payment provider by. */
  SECKILL_PAYMENT_PROVIDER: z
    .enum(
      paymentProviderNames,
      `must be a payment provider that order-worker knows: ${paymentProviderNames.join(', ')}`,
    )
    .default('http'),
  SECKILL_PAYMENT_URL: httpUrl,
  SECKILL_PAYMENT_API_KEY: z.string().min(16, 'must be at least 16 characters'),
  SECKILL_PAYMENT_API_KEY_FILE: absolutePath.optional(),
  /** What the provider signs its webhooks with; several while one takes the other's place. */
  SECKILL_PAYMENT_WEBHOOK_SECRET: webhookSecrets,
  SECKILL_PAYMENT_WEBHOOK_SECRET_FILE: absolutePath.optional(),
  /** Stripe's secret key, or a restricted one that may write Checkout sessions and refunds and read payment intents. */
  SECKILL_STRIPE_SECRET_KEY: z
    .string()
    .regex(/^(sk|rk)_\w{8,250}$/, 'must be a secret key of Stripe: sk_… or a restricted one, rk_…'),
  SECKILL_STRIPE_SECRET_KEY_FILE: absolutePath.optional(),
  /** The signing secret of the webhook endpoint; several while one takes the other's place. */
  SECKILL_STRIPE_WEBHOOK_SECRET: z
    .string()
    .regex(
      /^whsec_\w{16,250}([\s,]+whsec_\w{16,250})*$/,
      "must be whsec_…, the endpoint's signing secret, several separated by commas",
    )
    .transform((text) => text.split(/[\s,]+/)),
  SECKILL_STRIPE_WEBHOOK_SECRET_FILE: absolutePath.optional(),
  /** Another API than Stripe's own: stripe-mock, a test. */
  SECKILL_STRIPE_API_URL: secretOrigin.default('https://api.stripe.com'),
  /** The app's number in Alipay's console. */
  SECKILL_ALIPAY_APP_ID: z.string().regex(/^\d{8,32}$/, "must be the app's number in Alipay's console, digits alone"),
  /** The app's own key, RSA2. */
  SECKILL_ALIPAY_PRIVATE_KEY: parsedBy(parseRsaPrivateKey),
  SECKILL_ALIPAY_PRIVATE_KEY_FILE: absolutePath.optional(),
  /** Alipay's key, by which its answers and notices are checked: no secret. */
  SECKILL_ALIPAY_PUBLIC_KEY: parsedBy(parseRsaPublicKey),
  SECKILL_ALIPAY_PUBLIC_KEY_FILE: absolutePath.optional(),
  SECKILL_ALIPAY_GATEWAY_URL: z
    .string()
    .refine(isSecureText, 'must be an https:// URL (http:// only on a loopback address)')
    .default('https://openapi.alipay.com/gateway.do'),
  /** `qr`: a code to scan, or to open in the app on a phone. `page`: Alipay's own page. */
  SECKILL_ALIPAY_WAY: z.enum(['qr', 'page'], 'must be qr or page').default('qr'),
  SECKILL_PAYMENT_DEADLINE_MS: positiveInt.max(4000).default(3000),
  /** An open payment that nothing was heard of for so long is asked for. */
  SECKILL_PAYMENT_CHECK_AFTER_MS: positiveInt.default(30_000),
  /** The hand-over to a shop's own checkout: what its tokens are signed with, and what the shop's server signs its calls with; docs/hand-over.md */
  SECKILL_HAND_OVER_KEY: handOverKeys.optional(),
  SECKILL_HAND_OVER_KEY_FILE: absolutePath.optional(),
  SECKILL_HAND_OVER_SECRET: webhookSecrets.optional(),
  SECKILL_HAND_OVER_SECRET_FILE: absolutePath.optional(),
  SECKILL_REFUND_TRIES: positiveInt.max(100).default(16),
  SECKILL_REFUND_FIRST_WAIT_MS: positiveInt.default(10_000),
  SECKILL_REFUND_LONGEST_WAIT_MS: positiveInt.default(7_200_000),
  /** Between two audits of every sale. Well below the 3 minutes after which SeckillAuditFails fires. */
  SECKILL_AUDIT_EVERY_MS: positiveInt.max(120_000).default(30_000),
  /** The sandbox provider's own: where its webhooks go, and its file. */
  SECKILL_PAYMENT_WEBHOOK_URL: httpUrl,
  SECKILL_PAYMENT_SANDBOX_FILE: absolutePath,
  /** Opens the console, and what order-worker offers to it. Without it there is neither. */
  SECKILL_CONSOLE_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .min(32, 'must be at least 32 characters')
    .optional(),
  SECKILL_CONSOLE_TOKEN_FILE: absolutePath.optional(),
  /** Whether the console's bull-board may change jobs: it knows nothing of what an order job means to a shopper. */
  SECKILL_CONSOLE_QUEUES_WRITABLE: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  /** The shop's own sign-in: its public keys (a JWK set), and what its tokens must say. docs/sign-in.md */
  SECKILL_SIGN_IN_JWKS_URL: httpUrl.optional(),
  SECKILL_SIGN_IN_ISSUER: z.string().min(1).optional(),
  SECKILL_SIGN_IN_AUDIENCE: z.string().min(1).optional(),
  /** Where a shopper without a session goes: a template with `{returnTo}`, written into the pages. */
  SECKILL_SIGN_IN_URL: signInUrl.optional(),
  /** The cookie of the shop's domain that the pages read the token from; left out, it comes in the fragment. */
  SECKILL_SIGN_IN_COOKIE: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 of letters, digits, _, . and -')
    .optional(),
  SECKILL_DEMO_SIGN_IN: z.enum(['on', 'off']).default('off'),
  /** Event streams of orders that one gateway holds open. Each costs nginx two of its worker_connections. */
  SECKILL_ORDER_STREAMS: positiveInt.max(100_000).default(3000),
  SECKILL_INSTANCE: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and hyphen'),
  SECKILL_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** The base address of an OpenTelemetry collector (OTLP/HTTP); without it nothing is traced. The standard's own name. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** The share of the purchases that are traced, 0 to 1. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
  SECKILL_RUN_DIR: z.string().min(1),
  SECKILL_ZOOKEEPER_CLASSPATH: z.string().min(1),
  /** The k6 that `seckill loadtest` runs; left out: the checkout's own, then the PATH's. */
  SECKILL_K6: z.string().min(1),
  /** The Chromium or Chrome of the browser tests, `none` to leave them out; left out: the PATH's. */
  SECKILL_CHROMIUM: z.string().min(1),
} as const;

export type SettingName = keyof typeof settings;

/** The settings that each payment provider has to itself: they are needed with it, but for the optional ones, and refused with another. */
export const paymentProviderSettings = {
  http: ['SECKILL_PAYMENT_URL', 'SECKILL_PAYMENT_API_KEY', 'SECKILL_PAYMENT_WEBHOOK_SECRET'],
  stripe: ['SECKILL_STRIPE_SECRET_KEY', 'SECKILL_STRIPE_WEBHOOK_SECRET', 'SECKILL_STRIPE_API_URL'],
  alipay: [
    'SECKILL_ALIPAY_APP_ID',
    'SECKILL_ALIPAY_PRIVATE_KEY',
    'SECKILL_ALIPAY_PUBLIC_KEY',
    'SECKILL_ALIPAY_GATEWAY_URL',
    'SECKILL_ALIPAY_WAY',
  ],
} as const satisfies Record<PaymentProviderName, readonly SettingName[]>;

/** The settings that each sink of `seckill cdc run` has to itself: they are needed with it, but for the optional ones. */
export const cdcSinkSettings = {
  files: ['SECKILL_CDC_DIR'],
  kafka: ['SECKILL_CDC_KAFKA_URL', 'SECKILL_CDC_KAFKA_CA_FILE'],
} as const satisfies Record<CdcSinkName, readonly SettingName[]>;

/** How many replicas must have a yes: as SECKILL_STOCK_REPLICAS says, else 1 where Sentinel keeps stock Redis and 0 where it stands alone. */
export function stockReplicas(config: {
  readonly SECKILL_STOCK_REDIS_URL: string;
  readonly SECKILL_STOCK_REPLICAS?: number | undefined;
}): number {
  return config.SECKILL_STOCK_REPLICAS ?? (isSentinelUrl(config.SECKILL_STOCK_REDIS_URL) ? 1 : 0);
}
