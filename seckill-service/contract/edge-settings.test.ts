import { expect, test } from 'vitest';
import { defaultEdgeLimits } from '#infra/stack/servers/edge-values.ts';
import { edgeLimitNames, edgeSettingsSchema, foundEdgeSettingsSchema } from './edge-settings.ts';

const none = { version: 1, limits: {}, maintenance: null };

test('the limits that ops may change are the ones that the edge is configured with', () => {
  expect(Object.keys(defaultEdgeLimits).sort()).toEqual([...edgeLimitNames].sort());
  const all = { ...none, limits: defaultEdgeLimits };
  expect(edgeSettingsSchema.parse(all)).toEqual(all);
});

test.each([
  [{ limits: { userPerSecond: 0 } }],
  [{ limits: { userPerSecond: 1.5 } }],
  [{ limits: { inFlight: 1_000_001 } }],
  [{ limits: { userPerSecond: '7' } }],
  [{ limits: { perUser: 7 } }],
  [{ maintenance: { retryAfterSeconds: 0 } }],
  [{ maintenance: { retryAfterSeconds: 3601 } }],
  [{ maintenance: true }],
  [{ version: 0 }],
  [{ pause: true }],
])('settings that make no sense are refused: %j', (wrong) => {
  expect(edgeSettingsSchema.safeParse(none).success).toBe(true);
  expect(edgeSettingsSchema.safeParse({ ...none, ...wrong }).success).toBe(false);
});

test('what only a newer version knows is left out where settings are read, and a wrong value is still refused', () => {
  const newer = {
    version: 2,
    limits: { inFlight: 9, perUser: 7 },
    maintenance: { retryAfterSeconds: 5, why: 'x' },
    pause: true,
  };
  const known = { version: 2, limits: { inFlight: 9 }, maintenance: { retryAfterSeconds: 5 } };
  expect(foundEdgeSettingsSchema.parse(newer)).toEqual(known);
  expect(foundEdgeSettingsSchema.safeParse({ ...newer, limits: { inFlight: 0 } }).success).toBe(false);
});
