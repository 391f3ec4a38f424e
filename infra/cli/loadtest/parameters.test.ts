import { expect, test } from 'vitest';
import { nothingApplied } from '#contract/edge-stream.ts';
import { peakScenarios } from '#loadtest/plan/peak.ts';
import { bounds, checkTickets, parseDuration } from './parameters.ts';
import { checkEdgeLimits, checkNoMaintenance, checkTarget, checkWork, officeNotes } from './preflight.ts';

test('a duration is seconds, minutes or hours', () => {
  const range = bounds.soak.durationSeconds;
  expect(['90', '90s', '15m', '2h'].map((text) => parseDuration(text, range))).toEqual([90, 90, 900, 7200]);
});

test.each(['0', '-5', '25h', '1 hour', '', '90x', '1e3'])(
  'a duration of "%s" is refused with what to write',
  (text) => {
    expect(() => parseDuration(text, bounds.soak.durationSeconds)).toThrow(/from 60 to 86400 seconds, such as/);
  },
);

test('a soak that needs more tickets than are made is refused', () => {
  expect(checkTickets(1_000_000, 'it')).toBe(1_000_000);
  expect(() => checkTickets(1_000_001, '5000 requests a second')).toThrow('lower the rate or the duration');
});

test.each(['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080', 'http://127.16.3.9'])(
  '%s is this machine',
  (url) => {
    expect(checkTarget(url, false)).toBe(true);
  },
);

test.each(['http://203.0.113.5', 'https://shop.example', 'http://127.0.0.1.example', 'http://0.0.0.0:8080'])(
  '%s is refused until its owner says so',
  (url) => {
    expect(() => checkTarget(url, false)).toThrow('--i-own-this-host');
    expect(checkTarget(url, true)).toBe(false);
  },
);

const { scenarios } = peakScenarios({ shoppers: 50_000, spike: 1000, durationSeconds: 240, getsTickets: true });
const edge = (limits: Record<string, number>, maintenance = false) => ({
  ...nothingApplied,
  edgeId: 'edge-2',
  appliedAt: '2026-11-11T00:00:00Z',
  silentSince: null,
  gatewayKeyIds: [],
  limits,
  maintenance,
});

test('a limit by address that would refuse the crowd is named before anything is sent', () => {
  const wide = edge({ addressPerSecond: 100_000 });
  const tight = edge({ addressPerSecond: 100 });
  expect(() => checkEdgeLimits([wide], { scenarios, localIps: null })).not.toThrow();
  expect(() => checkEdgeLimits([wide, tight], { scenarios, localIps: null })).toThrow(
    /edge-2 lets 100 requests .* \(addressPerSecond\).* up to \d{4} from its only one: .*seckill edge set addressPerSecond/,
  );
  // A crowd with many addresses stays below it.
  expect(() => checkEdgeLimits([wide, tight], { scenarios, localIps: '127.16.0.1-127.16.15.254' })).not.toThrow();
  const own = { scenarios, localIps: '127.16.0.1-127.16.15.254' };
  expect(() => checkEdgeLimits([edge({ addressPerSecond: 2 })], own)).toThrow('from each of its own');
});

test('an edge in maintenance is named before anything is sent', () => {
  expect(() => checkNoMaintenance([edge({}), edge({}, true)])).toThrow(/^edge-2 is in maintenance .*maintenance off/);
  expect(() => checkNoMaintenance([edge({})])).not.toThrow();
});

test('the report says which edges made no tickets', () => {
  expect(officeNotes([edge({}), { ...edge({}), edgeId: 'edge-1', hasOffice: true }])).toEqual([
    expect.stringMatching(/^edge-2 made no tickets .*SeckillEdgeMakesNoTickets/),
  ]);
  expect(officeNotes([{ ...edge({}), hasOffice: true }])).toEqual([]);
});

test('proof of work that this machine cannot do for all is refused with what to write', () => {
  expect(() => checkWork(scenarios, 2)).toThrow(/half of this machine's 2 cores can do it for about 4\..*--minted/);
  const few = peakScenarios({ shoppers: 100, spike: 10, durationSeconds: 240, getsTickets: true }).scenarios;
  expect(() => checkWork(few, 2)).not.toThrow();
});
