import { Gauge, type Registry } from './metrics.ts';

/** Registers, for each server that this process needs, whether it can use it now. */
export function watchConnections(registers: Registry[], connections: Readonly<Record<string, () => boolean>>): void {
  const gauge: Gauge = new Gauge({
    name: 'seckill_connected',
    help: '1 while this process can use the server named; stock Redis counts once its past was verified, too',
    labelNames: ['server'],
    registers,
    collect: () => {
      for (const [server, isUsable] of Object.entries(connections)) gauge.set({ server }, isUsable() ? 1 : 0);
    },
  });
}
