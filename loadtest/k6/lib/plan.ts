import { sleep } from 'k6';
import http from 'k6/http';
import type { Options } from 'k6/options';
import type { Plan } from '../../plan/plan.ts';
import { say } from './say.ts';

/** What the command wrote for this run. */
export const plan = JSON.parse(__ENV.SECKILL_LOADTEST_PLAN ?? '{}') as Plan;

/**
 * No tag names a URL or an order: k6 would keep a time series for each. Thresholds are judged by the command, from
 * what {@link ./answers.ts} tells it: k6 would sort every value it ever saw, every two seconds, on the processor that
 * the system under test needs.
 */
export const options: Options = {
  scenarios: plan.scenarios,
  discardResponseBodies: true,
  systemTags: ['scenario'],
  summaryTrendStats: ['med', 'p(99)', 'max'],
  userAgent: `seckill-loadtest/${plan.kind}`,
  setupTimeout: '300s',
};

/** Virtual users are made before this runs, scenarios start after it: all clocks agree on when the first request leaves. */
export function setup(): void {
  const { status, body } = http.get(plan.gateUrl, { responseType: 'text', timeout: '120s' });
  if (status !== 200) throw new Error(`the sale could not be opened: ${body}`);
  sleep(Math.max(0, Number(body) - Date.now()) / 1000);
  say(`start ${Date.now()}`);
}

export function handleSummary(data: unknown): Record<string, string> {
  return { [plan.summaryFile]: JSON.stringify(data) };
}
