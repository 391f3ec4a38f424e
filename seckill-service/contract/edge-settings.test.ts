import { expect, test } from 'vitest';
import { defaultEdgeLimits } from '#infra/stack/servers/edge-values.ts';
import { edgeLimitNames, edgeSettingsSchema } from './edge-settings.ts';

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
