import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest';
import { newSaleId, openSale, seckill, writeSaleFile } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';

// Each command is a process of its own; a slow machine takes seconds for each.
vi.setConfig({ testTimeout: 300_000 });

const stack = inject('stack');
const saleId = newSaleId('tty');
beforeAll(() => openSale(stack.env, { saleId, units: 4 }));

const entry = join(checkoutDir, 'infra/cli/seckill.ts');
const shellWord = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The real command on a terminal of its own, by util-linux' `script`. `stty` sets the terminal's size first. */
function onTerminal(stty: string, ...args: string[]) {
  const command = [process.execPath, entry, ...args].map(shellWord).join(' ');
  const outside = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SECKILL_')));
  const child = spawn(
    'script',
    ['--quiet', '--return', '--command', `stty ${stty}; tty; exec ${command}`, '/dev/null'],
    {
      env: { ...outside, ...stack.env, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  onTestFinished(() => void child.kill('SIGKILL')); // whatever became of the test
  // Not `exit`: what it has written last is still to be read then.
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    text: () => text,
    type: (keys: string) => child.stdin.write(keys),
    /** As a window does when it is dragged: the kernel tells whoever is in front on that terminal (SIGWINCH). */
    resize: async (columns: number, rows: number) => {
      const [device = ''] = /\/dev\/pts\/\d+/.exec(text) ?? [];
      await promisify(execFile)('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)]);
    },
    exit,
  };
}

const restored = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/**
 * What each drawing put on the screen, line by line; not one of which only a part has arrived. The terminal adds a return
 * of its own before each newline.
 */
const drawings = (text: string) =>
  text
    .split('\x1b[?2026h\x1b[H')
    .slice(1)
    .filter((part) => part.includes('\x1b[J'))
    .map((part) => (part.split('\x1b[J')[0] ?? '').split(/\r+\n/).map((line) => line.replace('\x1b[K', '')));

const funnelOn = (terminal: { text: () => string }) =>
  poll(
    'the funnel on the screen',
    async () => drawings(terminal.text()).at(-1)?.join().includes('4 free of 4') ?? null,
  );

test.each([
  ['q', 'q'],
  ['Ctrl-C', '\x03'],
])('watch takes the whole terminal, fits it, and %s gives it back', async (_name, key) => {
  const terminal = onTerminal('cols 50 rows 12', 'watch', saleId);
  await funnelOn(terminal);
  expect(terminal.text()).toContain('\x1b[?1049h');
  expect(terminal.text()).not.toContain(restored);
  terminal.type(key);
  expect(await terminal.exit).toBe(0);
  const text = terminal.text();
  expect(text.split(restored)).toHaveLength(2);
  // The last line stays, on the terminal as it was.
  expect(text.split(restored)[1]).toMatch(new RegExp(`^${saleId} open e2 \\|`));
  const screens = drawings(text);
  expect(screens.length).toBeGreaterThan(1);
  for (const screen of screens) {
    expect(screen.length).toBeLessThanOrEqual(12);
    for (const line of screen) expect([line, line.length <= 50]).toEqual([line, true]);
  }
});

test('watch follows a terminal that is made smaller and larger, and gives it back as ever', async () => {
  const terminal = onTerminal('cols 100 rows 30', 'watch', saleId);
  await funnelOn(terminal);
  const all = () => drawings(terminal.text());
  const widest = (screen: string[]) => Math.max(...screen.map((line) => line.length));
  const isSmall = (screen: string[]) => widest(screen) <= 40 && screen.length <= 10;
  expect(isSmall(all().at(-1) ?? [])).toBe(false);

  const before = all().length;
  const later = () => all().slice(before);
  await terminal.resize(40, 10);
  const first = await poll('a drawing that fits', async () => later().findIndex(isSmall) + 1 || null);
  await poll('more of them', async () => later().length > first + 2);
  expect(
    later()
      .slice(first - 1)
      .every(isSmall),
  ).toBe(true);
  expect(later()[first]?.at(-1)).toMatch(/more lines/);

  await terminal.resize(100, 30);
  await poll('the whole width again', async () => widest(all().at(-1) ?? []) > 50);
  terminal.type('q');
  expect(await terminal.exit).toBe(0);
  expect(terminal.text().split('\x1b[?1049h')).toHaveLength(2);
  expect(terminal.text().split(restored)).toHaveLength(2);
});

test('demo crowd shows how far it is on a terminal, and leaves nothing of it; piped it writes lines', async () => {
  const crowd = newSaleId('tty-crowd');
  await openSale(stack.env, { saleId: crowd, units: 3 });
  const terminal = onTerminal('cols 100 rows 30', 'demo', 'crowd', crowd, '--shoppers', '1500');
  await poll('a bar', async () => /tickets \[.+\] +\d+ % \| \d+\/1500/.test(terminal.text()), 120_000);
  expect(await terminal.exit).toBe(0);
  expect(terminal.text()).toContain(`${crowd}: balanced; 3 reservations, 3 rows`);
  const last = terminal.text().split('\x1b[0K').at(-1);
  expect(last).not.toContain('tickets [');
  const piped = await seckill(stack.env, 'demo', 'crowd', crowd, '--shoppers', '5');
  expect(piped.code).toBe(0);
  expect(piped.stdout + piped.stderr).not.toContain('\x1b');
});

test('watch that is piped writes a line at each change, never the same twice, and nothing that moves a cursor', async () => {
  const { stdout } = await seckill(stack.env, 'watch', saleId, '--rounds', '4');
  const lines = stdout.trimEnd().split('\n');
  // Another file's orders may be in the queue that all sales share: the line changes with them.
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.filter((line, at) => line === lines[at - 1])).toEqual([]);
  expect(lines[0]).toContain(`${saleId} open`);
  expect(stdout).not.toContain('\x1b');
});

test('a table on a terminal is not wrapped; piped it is whole', async () => {
  const narrow = onTerminal('cols 60 rows 24', 'sale', 'list');
  expect(await narrow.exit).toBe(0);
  // Of a sale that another test breaks meanwhile the command says so, in a line of its own.
  const table = narrow.text().replaceAll(/^.*: stock Redis holds .*\r*\n/gm, '');
  const lines = table.trimEnd().split(/\r*\n/);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.filter((line) => line.length > 60)).toEqual([]);
  expect((await seckill(stack.env, 'sale', 'list')).stdout).toContain(saleId);
});

test('a sale far from the usual is created after a yes and its id typed; anything else changes nothing', async () => {
  const fat = newSaleId('typed');
  const price = { amount: 20_000_000, currency: 'CNY' };
  const file = await writeSaleFile({ saleId: fat, units: 5, price });
  for (const [typed, code] of [
    ['another-sale', 1],
    [fat, 0],
  ] as const) {
    const terminal = onTerminal('cols 120 rows 24', 'sale', 'create', file);
    await poll('the first question', async () => terminal.text().includes('Go on? [y/N]'));
    expect(terminal.text()).toMatch(/200000\.00 CNY is \d+ times the usual/);
    terminal.type('y\n');
    await poll('the second question', async () => terminal.text().includes(`Type ${fat} to go on`));
    terminal.type(`${typed}\n`);
    expect(await terminal.exit).toBe(code);
    expect((await seckill(stack.env, 'sale', 'show', fat)).code).toBe(code === 0 ? 0 : 2);
  }
});

test('completion offers the ids of the sales that there are', async () => {
  expect((await seckill(stack.env, 'completion-sales')).stdout.split('\n')).toContain(saleId);
});
