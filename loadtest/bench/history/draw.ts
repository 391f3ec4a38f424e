import { type Figure, isReached, type Point } from './figures.ts';

const columns = 3;
const panel = { width: 320, height: 180 };
const plot = { left: 56, right: 14, top: 36, bottom: 38 };

const style = `
  text { font: 11px system-ui, sans-serif; fill: #333 } .title { font-weight: 600 } .axis { fill: #777 }
  .wanted { stroke: #888; stroke-dasharray: 4 3 } .line { fill: none; stroke: #999 } .reached { stroke: #1a7f37; fill: #1a7f37 }
  .missed { stroke: #cf222e; fill: #cf222e }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .axis { fill: #aaa } }`;

export type History = readonly { figure: Figure; points: readonly Point[] }[];

/** One panel a figure: its median and range at each commit, oldest first, and a dashed line at what is wanted. */
export function drawHistory(history: History): string {
  const width = columns * panel.width;
  const height = Math.ceil(history.length / columns) * panel.height;
  const panels = history.map(({ figure, points }, nth) => {
    const [x, y] = [(nth % columns) * panel.width, Math.floor(nth / columns) * panel.height];
    return `<g transform="translate(${x} ${y})">${drawPanel(figure, points)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Figures over commits">
<style>${style}</style>
${panels.join('\n')}
</svg>
`;
}

function drawPanel(figure: Figure, points: readonly Point[]): string {
  const { is, value } = figure.wanted;
  const top = Math.max(value, ...points.map(({ max }) => max)) * 1.1;
  const y = (of: number) => round(panel.height - plot.bottom - (of / top) * (panel.height - plot.top - plot.bottom));
  const step = (panel.width - plot.left - plot.right) / Math.max(1, points.length);
  const x = (nth: number) => round(plot.left + step * (nth + 0.5));
  const marks = points.map((point, nth) => {
    const kind = isReached(figure, point) ? 'reached' : 'missed';
    const [commit, day] = [point.commit.slice(0, 7), point.date.slice(0, 10)];
    return `<g class="${kind}"><path d="M${x(nth)} ${y(point.min)}V${y(point.max)}"/><circle cx="${x(nth)}" cy="${y(point.median)}" r="3.5"><title>${commit}, ${day}: ${short(point.median)} (${short(point.min)} to ${short(point.max)})</title></circle></g>
<text x="${x(nth) + 7}" y="${y(point.median) - 6}">${short(point.median)}</text>
<text class="axis" text-anchor="middle" y="${panel.height - 22}"><tspan x="${x(nth)}">${commit}</tspan><tspan x="${x(nth)}" dy="13">${day}</tspan></text>`;
  });
  const line = points.map(({ median }, nth) => `${x(nth)},${y(median)}`).join(' ');
  return `<text class="title" x="8" y="18">${toXml(figure.name)}</text>
<path class="wanted" d="M${plot.left} ${y(value)}H${panel.width - plot.right}"/><text class="axis" x="6" y="${y(value) + 4}">${is === 'at least' ? '≥' : '≤'} ${short(value)}</text>
<polyline class="line" points="${line}"/>
${marks.join('\n')}`;
}

const round = (value: number) => Math.round(value * 10) / 10;
/** 0.67, 28, 6,127 */
const short = (value: number) =>
  value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en-US', { useGrouping: true });
const toXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
