import uPlot from 'uplot';
import type { SaleColumn } from '../sample.ts';
import { byId } from './element.ts';
import type { Columns, Series } from './series.ts';

const flow: SaleColumn[] = ['arrived', 'passed', 'accepted', 'stored'];
const units: SaleColumn[] = ['free', 'queued', 'stored', 'paid', 'expired'];
const maxReasons = 6;
const height = 190;
/** A sale that was just opened is drawn over this long, not as a line at the edge of an empty hour. */
const shortestSeconds = 60;

const clock = (seconds: number) => new Date(seconds * 1000).toLocaleTimeString('en-GB');
const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

type Chart = { plot: uPlot; names: string; data: () => Columns };

/** What a legend says: the value under the pointer, or the latest while there is none. */
const latest =
  (format: (value: number) => string): uPlot.Series.Value =>
  (plot, value: number | null, line, at) => {
    const shown = at == null ? plot.data[line]?.at(-1) : value;
    return shown == null ? '–' : format(shown);
  };

/** Four charts with one cursor. `onLook` hears at which second the pointer is, null when it left. */
export function createCharts(series: Series, onLook: (atMs: number | null) => void) {
  const sync = uPlot.sync('console');
  const charts = new Map<string, Chart>();
  let spanSeconds = 300;

  function options(lines: readonly string[], width: number): uPlot.Options {
    const axis = {
      stroke: colour('--soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line') },
    };
    return {
      width,
      height,
      legend: { live: true },
      cursor: { sync: { key: sync.key }, drag: { x: false, y: false } },
      scales: { x: { range: () => range() }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [
        { ...axis, space: 70, values: (_, at) => at.map(clock) },
        { ...axis, size: 56 },
      ],
      series: [
        { label: 'Time', value: latest(clock) },
        ...lines.map((label, nth) => ({
          label,
          stroke: colour(`--line-${nth + 1}`),
          width: 2,
          points: { show: false },
          value: latest((value) => Math.round(value).toLocaleString('en')),
        })),
      ],
      hooks: {
        setCursor: [
          (plot) => {
            const nth = plot.cursor.idx;
            const at = nth == null ? undefined : plot.data[0][nth];
            onLook(at === undefined ? null : at * 1000);
          },
        ],
      },
    };
  }

  function range(): [number, number] {
    const end = (series.last()?.[0] ?? Date.now()) / 1000;
    const begin = (series.first()?.[0] ?? Date.now()) / 1000;
    return [Math.min(Math.max(begin, end - spanSeconds), end - shortestSeconds), end];
  }

  function draw(id: string, lines: readonly string[], data: () => Columns): void {
    const place = byId(`chart-${id}`);
    const names = lines.join();
    const known = charts.get(id);
    if (known?.names === names) {
      known.plot.setData(data());
      if (known.plot.cursor.idx == null) known.plot.setLegend({ idxs: known.plot.series.map(() => null) }, false);
      return;
    }
    known?.plot.destroy();
    charts.set(id, { names, data, plot: new uPlot(options(lines, place.clientWidth), data(), place) });
  }

  const redraw = () => {
    for (const { plot } of charts.values()) plot.destroy();
    charts.clear();
    show();
  };

  function show(): void {
    const reasons = series.shedReasons(maxReasons);
    draw('flow', flow, () => series.rates(flow));
    draw('shed', reasons, () => series.shedRates(reasons));
    draw('units', units, () => series.values(units));
    draw('lag', ['relay lag'], () => series.values(['lagMs']));
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  new ResizeObserver(() => {
    for (const [id, { plot }] of charts) {
      const width = byId(`chart-${id}`).clientWidth;
      if (width > 0 && width !== plot.width) plot.setSize({ width, height });
    }
  }).observe(byId('main'));

  return {
    show,
    span: (seconds: number) => {
      spanSeconds = seconds;
      show();
    },
  };
}
