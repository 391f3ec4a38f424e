import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startShop } from './shop.ts';

const checkout = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: join(checkout, '.run') },
    sale: { type: 'string', default: 'http://127.0.0.1:8080' },
    port: { type: 'string', default: '4002' },
  },
});
const sale = new URL(values.sale).origin;
const say = (text: string) => process.stdout.write(`${text}\n`);

/** The command line of the stack that runs in `dir`. */
async function seckill(...args: string[]): Promise<unknown> {
  const program = join(checkout, 'infra/cli/seckill.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    ...args,
    '--dir',
    resolve(values.dir),
    '--json',
  ]);
  return JSON.parse(stdout);
}

/** A sale that this shop takes the money of: the first that is open, or a new one. */
async function saleOfTheShop(url: string): Promise<string> {
  type Listed = { saleId: string; state: string; checkout?: { url?: string } };
  const listed = (await seckill('sale', 'list')) as Listed[]; // what --json of it is
  const mine = listed.find((each) => each.state === 'open' && each.checkout?.url === url);
  if (mine !== undefined) return mine.saleId;
  const saleId = `shop-${Date.now().toString(36)}`;
  const file = join(tmpdir(), `${saleId}.json`);
  const now = Date.now();
  const window = { opensAt: new Date(now).toISOString(), closesAt: new Date(now + 24 * 3600_000).toISOString() };
  const price = { amount: 199_900, currency: 'CNY' };
  const terms = { title: 'A phone, paid at the shop', price, units: 100, ...window, checkout: { mode: 'shop', url } };
  await writeFile(file, JSON.stringify({ saleId, ...terms }));
  try {
    await seckill('sale', 'create', file);
    await seckill('stock', 'preload', saleId);
    await seckill('pages', 'publish');
    await seckill('sale', 'open', saleId);
  } finally {
    await rm(file);
  }
  return saleId;
}

const secret = await readFile(join(values.dir, 'secrets/hand-over-secret'), 'utf8').catch(() => null);
if (secret === null) {
  say(
    `There is no stack in ${values.dir}: start one (npm start), and this again. Another place: -- --dir <dir> --sale <its address>`,
  );
  process.exit(1);
}
const shop = await startShop({ sale, secret: secret.trim(), port: Number(values.port) });
say('The shop is here. Looking for its sale …');
const saleId = await saleOfTheShop(shop.url).catch(async (error: unknown) => {
  await shop.stop();
  throw error;
});
say(`Buy at ${sale}/sales/${saleId} and press "Pay": it leads to ${shop.url}. Ctrl-C ends the shop.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void shop.stop());
