import type { SaleMoment, Tick } from '../sample.ts';
import { createAuditPanel } from './audit.ts';
import { call, messageOf } from './call.ts';
import { createCharts } from './charts.ts';
import { createDeadLetterPanel } from './dead-letters.ts';
import { createDrainPanel } from './drain.ts';
import { byId, make, say } from './element.ts';
import { showFunnel } from './funnel.ts';
import { createSeries } from './series.ts';
import { showShedReasons } from './shed-reasons.ts';
import { showEdges, showSale, showSales, showUnknown } from './tables.ts';

const choice = byId<HTMLSelectElement>('sale');
const slider = byId<HTMLInputElement>('moment');
const link = byId('link');
const span = byId<HTMLSelectElement>('span');
const series = createSeries();
let tick: Tick | null = null;
let heard: { path: string; events: EventSource | null } = { path: '', events: null };
/** Where the pointer is on a chart, Unix ms; it goes before the slider. */
let pointedAt: number | null = null;

const charts = createCharts(series, (at) => {
  pointedAt = at;
  showMoment();
});
const drain = createDrainPanel();
const deadLetters = createDeadLetterPanel();
const chosen = () => (choice.value === '' ? null : choice.value);
createAuditPanel(chosen);

function showMoment(): void {
  const newest = series.last()?.[0] ?? 0;
  const back = slider.valueAsNumber * 1000;
  const at = pointedAt ?? newest + back;
  const { is, before } = series.at(at);
  showFunnel(is, before);
  showShedReasons(is, before);
  const isNow = pointedAt === null && back === 0;
  byId('to-now').hidden = isNow;
  const time = is === undefined ? 'nothing is known of that moment' : new Date(is[0]).toLocaleTimeString('en-GB');
  // Only what changes by somebody's hand: "now" stays "now" while it goes by.
  say(byId('moment-says'), isNow ? 'now' : time);
  slider.setAttribute('aria-valuetext', isNow ? 'now' : time);
}

/** What was chosen by hand stands in the address, so that a reload, a bookmark and a colleague see the same. */
const kept = (name: 'sale' | 'span') => new URLSearchParams(location.hash.slice(1)).get(name);
function keep(name: 'sale' | 'span', value: string): void {
  const all = new URLSearchParams(location.hash.slice(1));
  all.set(name, value);
  history.replaceState(null, '', `#${all}`);
}

async function choose(saleId: string): Promise<void> {
  choice.value = saleId;
  listen(kept('sale') ?? saleId);
  try {
    const history = await call<SaleMoment[]>(`history?sale=${encodeURIComponent(saleId)}`);
    if (chosen() !== saleId) return; // another one meanwhile
    series.reset(history);
  } catch (error) {
    if (chosen() !== saleId) return;
    series.reset([]);
    setLink('paused', messageOf(error));
  }
  charts.show();
  showMoment();
  showAll();
}

function offerSales({ sales }: Tick): void {
  const ids = sales.map(({ saleId }) => saleId);
  if (choice.dataset.ids === ids.join()) return;
  choice.dataset.ids = ids.join();
  const before = chosen();
  choice.replaceChildren(...ids.map((saleId) => make('option', saleId, { value: saleId })));
  const next = [kept('sale'), before, ...ids].find((saleId) => saleId !== null && ids.includes(saleId)) ?? undefined;
  if (next !== undefined && next !== before)
    void choose(next); // it tells what went wrong by itself
  else if (next !== undefined) choice.value = next;
}

function showAll(): void {
  if (tick === null) return;
  const sale = tick.sales.find(({ saleId }) => saleId === chosen());
  showSale(sale);
  showUnknown(tick);
  showEdges(tick, sale);
  showSales(tick);
  drain.show(tick.drain);
  deadLetters.show(tick.deadLetters);
}

function take(next: Tick): void {
  tick = next;
  offerSales(next);
  const moment = next.moments[chosen() ?? ''];
  if (moment !== undefined) series.add(moment);
  showAll();
  charts.show();
  showMoment();
}

function setLink(state: 'open' | 'upcoming' | 'paused', text: string): void {
  link.dataset.state = state;
  say(link, text);
}

/** Hears each second of the sales, this one among them however many there are. */
function listen(saleId: string | null): void {
  const query = saleId === null ? '' : `?${new URLSearchParams({ sale: saleId })}`;
  const path = `/console/api/events${query}`;
  if (heard.path === path) return;
  heard.events?.close();
  const events = new EventSource(path);
  heard = { path, events };
  events.addEventListener('tick', ({ data }) => {
    setLink('open', 'live');
    take(JSON.parse(data) as Tick);
  });
  events.addEventListener('error', () => {
    setLink('paused', 'lost, trying again');
    // A refusal ends an event stream for good: whether the session has ended, an ordinary request tells.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
}

choice.addEventListener('change', () => {
  keep('sale', choice.value);
  void choose(choice.value); // as above
});
slider.addEventListener('input', showMoment);
byId('to-now').addEventListener('click', () => {
  slider.value = '0';
  slider.focus();
  showMoment();
});
span.addEventListener('change', () => {
  keep('span', span.value);
  charts.span(Number(span.value));
});
function recall(): void {
  const [saleId, seconds] = [kept('sale'), kept('span')];
  if (seconds !== null && [...span.options].some(({ value }) => value === seconds)) {
    span.value = seconds;
    charts.span(Number(seconds));
  }
  if (saleId === null || saleId === chosen()) return;
  if (tick?.sales.some((sale) => sale.saleId === saleId))
    void choose(saleId); // as above
  else listen(saleId); // chosen once it is told of
}
addEventListener('hashchange', recall);
recall();
if (heard.events === null) listen(null);
