import uPlot from 'uplot';
import type { Chart, Report } from '../report.ts';

/** Told apart by colour-blind eyes too, on white and on black. Source: Okabe and Ito, "Color Universal Design". */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a8a00', '#999999'];
const dashes = [[], [8, 4], [2, 3]];

const style = getComputedStyle(document.documentElement);
const ink = style.getPropertyValue('--ink');
const line = style.getPropertyValue('--line');
const report = JSON.parse(document.getElementById('report')?.textContent ?? '{}') as Pick<
  Report,
  'time' | 'charts' | 'marks'
>;
const together = uPlot.sync('time');

/** Where the sale opens, and so on: one line through every chart. */
const marks: uPlot.Plugin = {
  hooks: {
    drawClear: (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = ink;
      ctx.globalAlpha = 0.6;
      ctx.font = `${11 * devicePixelRatio}px system-ui`;
      ctx.setLineDash([4, 4]);
      report.marks.forEach(({ at, label }, index) => {
        const x = plot.valToPos(at, 'x', true);
        if (x < bbox.left || x > bbox.left + bbox.width) return;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.fillText(label, x + 4, bbox.top + (12 + (index % 3) * 12) * devicePixelRatio);
      });
      ctx.restore();
    },
  },
};

const shown = (value: number | null) =>
  value === null ? '–' : value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));

function draw(chart: Chart, place: Element): uPlot {
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  return new uPlot(
    {
      width: place.clientWidth,
      height: 240,
      cursor: { sync: { key: together.key } },
      scales: { x: { time: false } },
      axes: [
        { ...axis, values: (_plot, ticks) => ticks.map((tick) => `${tick} s`) },
        { ...axis, size: 64, values: (_plot, ticks) => ticks.map((tick) => tick.toLocaleString('en')) },
      ],
      series: [
        { label: 'at', value: (_plot, value) => (value === null ? '–' : `${value} s`) },
        ...chart.series.map(({ label }, index) => ({
          label,
          stroke: colours[index % colours.length] ?? ink,
          dash: dashes[Math.floor(index / colours.length) % dashes.length] ?? [],
          width: 1.5,
          spanGaps: true,
          points: { show: false },
          value: (_plot: uPlot, value: number | null) => shown(value),
        })),
      ],
      plugins: [marks],
    },
    [report.time, ...chart.series.map(({ values }) => values)],
    place as HTMLElement,
  );
}

const places = [...document.querySelectorAll('[data-chart]')];
const plots = places.flatMap((place) => {
  const chart = report.charts[Number(place.getAttribute('data-chart'))];
  return chart === undefined ? [] : [{ place, plot: draw(chart, place) }];
});
addEventListener('resize', () => {
  for (const { place, plot } of plots) plot.setSize({ width: place.clientWidth, height: 240 });
});
