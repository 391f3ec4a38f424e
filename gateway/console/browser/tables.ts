import type { EdgeLimitName } from '#contract/edge-settings.ts';
import type { EdgeNow, SaleNow, Tick } from '../sample.ts';
import { byId, count, fill, make, say } from './element.ts';

export const row = (head: string, cells: (string | HTMLElement)[]) =>
  make('tr', [
    make('th', head, { scope: 'row' }),
    ...cells.map((cell) => make('td', typeof cell === 'string' ? cell : [cell])),
  ]);

export const badge = (state: string, text = state) => make('span', text, { class: 'badge', 'data-state': state });

/** Every edge with what it has applied, of the chosen sale above all. */
export function showEdges({ edges }: Tick, sale: SaleNow | undefined): void {
  const rows = edges.map((edge) =>
    row(edge.edgeId, [
      epochText(edge, sale),
      edgeState(edge),
      `v${edge.settingsVersion}`,
      ...limitsOf(edge),
      edge.keyIds.join(', '),
    ]),
  );
  const none = make('tr', [make('td', 'no edge is connected to ZooKeeper', { colspan: '8' })]);
  fill(byId('edges'), rows.length === 0 ? [none] : rows);
}

/** The state is that of the sale's newest epoch: an edge that has applied it is in it. */
function epochText({ epochs }: EdgeNow, sale: SaleNow | undefined): string {
  if (sale === undefined) return '–';
  const applied = epochs[sale.saleId] ?? 0;
  const due = `epoch ${sale.epoch}, ${sale.state}`;
  return applied >= sale.epoch ? due : `epoch ${applied}; ${due}, is due`;
}

/** What it follows now, whoever set it: ops, or its own configuration. */
function limitsOf({ limits }: EdgeNow): string[] {
  const of = (name: EdgeLimitName) => count(limits[name]);
  return [
    `${of('userPerSecond')}/s, burst ${of('userBurst')}`,
    `${of('addressPerSecond')}/s, burst ${of('addressBurst')}`,
    of('inFlight'),
  ];
}

function edgeState({ silentSince, maintenance, hasOffice }: EdgeNow): HTMLElement {
  if (silentSince !== null) return badge('paused', `silent since ${silentSince.slice(11, 19)}`);
  if (maintenance) return badge('paused', 'maintenance');
  return hasOffice ? badge('open', 'follows') : badge('paused', 'follows, makes no tickets');
}

export function showSales({ sales, leftOut }: Tick): void {
  fill(
    byId('sales'),
    sales.map((sale) => {
      const behind = sale.stockEpoch !== null && sale.stockEpoch !== sale.epoch ? ` (stock ${sale.stockEpoch})` : '';
      return row(sale.saleId, [
        badge(sale.state),
        `${sale.epoch}${behind}`,
        `${count(sale.free)} of ${count(sale.total)}`,
        count(sale.outbox),
      ]);
    }),
  );
  const more = byId('left-out');
  more.hidden = leftOut === 0;
  say(more, `and ${leftOut} more: seckill sale list`);
}

/** The chosen sale in one line. */
export function showSale(sale: SaleNow | undefined): void {
  const state = byId('sale-state');
  state.dataset.state = sale?.state ?? '';
  say(state, sale?.state ?? 'no sale');
  const fault = sale?.fault == null ? '' : `; FAULT: ${sale.fault}`;
  const line =
    sale === undefined
      ? ''
      : `${sale.title}; ${count(sale.free)} of ${count(sale.total)} free, epoch ${sale.epoch}${fault}`;
  say(byId('sale-facts'), line);
}

export function showUnknown({ unknown }: Tick): void {
  const list = byId('unknown');
  list.hidden = unknown.length === 0;
  fill(
    list,
    unknown.map((text) => make('li', text)),
  );
}
