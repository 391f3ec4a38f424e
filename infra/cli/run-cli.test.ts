import { expect, test } from 'vitest';
import { seckill } from '#lab/kits/command-line.ts';

test('the help names every command of the contract', async () => {
  const { code, stdout, stderr } = await seckill({}, '--help');
  expect([code, stderr]).toEqual([0, '']);
  for (const command of [
    'up',
    'down',
    'status',
    'sale',
    'stock',
    'pages',
    'tickets',
    'watch',
    'audit',
    'drain',
    'dlq',
    'orders',
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  }
});

test('runs at the same time have each their own words, environment, output and exit code', async () => {
  const plan = (units: string) =>
    seckill({}, 'plan', '--shoppers', '1000', '--units', units, '--open-in', '60', '--json');
  const [few, many, unknown, nowhere, misspelled] = await Promise.all([
    plan('10'),
    plan('20'),
    seckill({ SECKILL_STOCK_REDIS_UR: 'x' }, 'sale', 'list'),
    seckill({}, 'sale', 'list', '--dir', '/nowhere'),
    seckill({}, 'sale', 'opn', 'tea-cup'),
  ]);
  const unitsOf = ({ stdout }: { stdout: string }) => (JSON.parse(stdout) as { crowd: { units: number } }).crowd.units;
  expect([unitsOf(few), unitsOf(many)]).toEqual([10, 20]);
  expect([few.code, many.code, few.stderr, many.stderr]).toEqual([0, 0, '', '']);
  const said = [unknown, nowhere, misspelled].map(({ code, stderr }) => [code, stderr]);
  expect(said).toEqual([
    [78, expect.stringContaining('SECKILL_STOCK_REDIS_UR is not a setting')],
    [78, expect.stringContaining('no stack is running in /nowhere')],
    [2, expect.stringContaining('Did you mean open?')],
  ]);
});

test('who asks one order for what all orders have is told where that is', async () => {
  const { code, stderr } = await seckill({}, 'order', 'rebuild', 'tea-cup');
  expect([code, stderr]).toEqual([2, expect.stringContaining('seckill orders --help')]);
});

test('what a terminal would obey in a word of the command line is shown in its errors, commander’s too', async () => {
  const hostile = 'x\u009b31m\u202ey';
  const said = [
    await seckill({}, 'sale', 'list', '--dir', `/nowhere/${hostile}`),
    await seckill({}, 'sale', hostile),
    await seckill({ [`SECKILL_${hostile}`]: '' }, 'sale', 'list'),
  ];
  for (const { stderr } of said) {
    expect(stderr).toContain('x\\u009b31m\\u202ey');
    expect(stderr).not.toMatch(/[\u009b\u202e]/);
  }
});

test('a run leaves nothing in this process: no listener, no exit code', async () => {
  const before = [process.eventNames(), process.stdout.eventNames(), process.exitCode];
  expect((await seckill({}, 'status', '--dir', '/nowhere')).code).toBe(1);
  expect((await seckill({}, 'console', '--dir', '/nowhere')).code).toBe(78);
  expect([process.eventNames(), process.stdout.eventNames(), process.exitCode]).toEqual(before);
});

test('a command that fails with --json says why in one JSON document on stdout, its words on stderr as ever', async () => {
  const failing: [number, string, string[]][] = [
    [2, "unknown option '--colour'", ['sale', 'list', '--colour']],
    [2, "missing required argument 'saleId'", ['audit']],
    [2, "unknown command 'opn'", ['sale', 'opn']],
    [2, "required option '--units <n>' not specified", ['plan', '--shoppers', '5']],
    [78, 'no stack is running in /nowhere', ['sale', 'list', '--dir', '/nowhere']],
    [78, 'no stack is running in /nowhere', ['sale', 'create', 'x.json', '--dir', '/nowhere']],
    [78, 'no stack is running here', ['console', '--dir', '/nowhere']],
    [78, 'SECKILL_DATABASE_URL', ['migrate']],
    [78, 'cannot be read', ['edge', 'render', '/nowhere.json', '--out', '/nowhere']],
  ];
  for (const [code, message, words] of failing) {
    const plain = await seckill({}, ...words);
    const told = await seckill({}, ...words, '--json');
    expect([words, plain.code, plain.stdout]).toEqual([words, code, '']);
    expect([words, told.code, told.stderr]).toEqual([words, code, plain.stderr]);
    expect([words, JSON.parse(told.stdout)]).toEqual([
      words,
      { error: { message: expect.stringContaining(message), exitCode: code } },
    ]);
  }
});

test('a result that is bad news is the one document on stdout; help is no error', async () => {
  const nothingRuns = await seckill({}, 'status', '--dir', '/nowhere', '--json');
  expect([nothingRuns.code, JSON.parse(nothingRuns.stdout)]).toEqual([1, expect.objectContaining({ running: false })]);
  expect((await seckill({}, 'status', '--help', '--json')).stdout).not.toContain('"error"');
});
