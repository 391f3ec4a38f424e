import { Counter, type Registry } from '../metrics.ts';
import { redisFailovers } from './sentinel-watch.ts';

/** Registers, for each server by the URL that it is reached by, how often its sentinels have named another primary. */
export function countFailovers(registers: Registry[], urls: Readonly<Record<string, string>>): void {
  const counter: Counter = new Counter({
    name: 'seckill_failovers_total',
    help: 'Times that the sentinels named another primary, as this process has seen it; 0 for a server without sentinels',
    labelNames: ['server'],
    registers,
    collect: () => {
      counter.reset();
      for (const [server, url] of Object.entries(urls)) counter.inc({ server }, redisFailovers(url));
    },
  });
}
