import type { Sample } from '../run/sampler.ts';
import { type Axis, gaugeSeries, rateSeries } from './axis.ts';
import type { Chart } from './report.ts';

type Definition = {
  title: string;
  unit: string;
  /** Of what the readers name their series; the rest of a name is the label. */
  prefix: string;
  kind: 'rate' | 'gauge';
  per?: number;
};

const mega = 1_000_000;

/** Every chart of the system, in the order of the page. A chart without a series is left out. */
const definitions: Definition[] = [
  { title: 'Tickets: the edge’s office, by route and outcome', unit: 'a second', prefix: 'office.', kind: 'rate' },
  { title: 'Press: shed by the edge, by reason', unit: 'a second', prefix: 'shed.', kind: 'rate' },
  { title: 'Press: passed on by the edge, by answer', unit: 'a second', prefix: 'passed.', kind: 'rate' },
  { title: 'Sold and stored', unit: 'a second', prefix: 'orders.', kind: 'rate' },
  { title: 'Units', unit: 'units', prefix: 'units.', kind: 'gauge' },
  { title: 'Queue depth', unit: 'orders', prefix: 'queue.', kind: 'gauge' },
  { title: 'Processor', unit: 'cores', prefix: 'cpu.', kind: 'rate' },
  { title: 'Resident memory', unit: 'MB', prefix: 'rss.', kind: 'gauge', per: mega },
  { title: 'Open files and sockets', unit: 'descriptors', prefix: 'files.', kind: 'gauge' },
  { title: 'Network', unit: 'MB a second', prefix: 'net.', kind: 'rate', per: mega },
  { title: 'Redis commands', unit: 'a second', prefix: 'redis-commands.', kind: 'rate' },
  { title: 'Redis memory', unit: 'MB', prefix: 'redis-memory.', kind: 'gauge', per: mega },
  { title: 'Redis clients', unit: 'connections', prefix: 'redis-clients.', kind: 'gauge' },
  { title: 'PostgreSQL', unit: 'a second', prefix: 'pg.', kind: 'rate' },
  { title: 'PostgreSQL connections', unit: 'connections', prefix: 'pg-connections.', kind: 'gauge' },
];

export function systemCharts(axis: Axis, samples: readonly Sample[]): Chart[] {
  return definitions.flatMap(({ title, unit, prefix, kind, per = 1 }) => {
    const names = new Set(samples.flatMap((sample) => Object.keys(kind === 'rate' ? sample.counters : sample.gauges)));
    const read = kind === 'rate' ? rateSeries : gaugeSeries;
    const series = [...names]
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({
        label: name.slice(prefix.length),
        values: read(axis, samples, name).map((value) => (value === null ? null : value / per)),
      }))
      // A reason for which nothing was ever shed says nothing.
      .filter(({ values }) => kind === 'gauge' || values.some((value) => value !== null && value !== 0));
    return series.length === 0 ? [] : [{ title, unit, series }];
  });
}
