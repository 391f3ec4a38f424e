import type { PublicSale } from '#contract/sale.ts';
import { createFill } from '../../words/fill.ts';
import { inLanguage } from '../../words/in-language.ts';
import { chooseLanguage } from '../choose-language.ts';
import { formatCountdown } from '../countdown.ts';
import { stateAt } from '../sale-timing.ts';
import { followSale } from './follow-sale.ts';

/** The shop of the sale: where this script came from. */
const home = new URL(import.meta.url).origin;
const saleIdPattern = /^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$/;

const css = `:host{display:inline-block}[part=sale]{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25em .75em}
[part=title]{font-weight:600}[part=countdown]{font-variant-numeric:tabular-nums}[hidden]{display:none!important}`;

/** A sheet of the document's making needs no permission of the page's policy, as a style element would. */
function styled(root: ShadowRoot): ShadowRoot {
  if (!('adoptedStyleSheets' in root)) return root; // before Safari 16.4: plain, and it works
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  return root;
}

function add<Name extends keyof HTMLElementTagNameMap>(to: Node, name: Name, part: string, role?: string) {
  const element = document.createElement(name);
  element.setAttribute('part', part);
  if (role !== undefined) element.setAttribute('role', role);
  to.appendChild(element);
  return element;
}

/** Only what changed: a live region speaks on every write. */
function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** `<seckill-sale sale="autumn-phone" lang="zh">`: docs/embedding.md. */
class SeckillSale extends HTMLElement {
  static observedAttributes = ['sale', 'lang'];
  readonly #box: HTMLElement;
  readonly #title: HTMLElement;
  readonly #state: HTMLElement;
  readonly #countdown: HTMLElement;
  readonly #label: HTMLElement;
  readonly #clock: HTMLElement;
  readonly #link: HTMLAnchorElement;
  #stop: (() => void) | null = null;

  constructor() {
    super();
    const box = add(styled(this.attachShadow({ mode: 'open' })), 'span', 'sale');
    this.#box = box;
    this.#title = add(box, 'span', 'title');
    this.#state = add(box, 'span', 'state', 'status');
    this.#countdown = add(box, 'span', 'countdown', 'timer');
    this.#label = add(this.#countdown, 'span', 'label');
    this.#countdown.append(' ');
    this.#clock = add(this.#countdown, 'span', 'clock');
    this.#link = add(box, 'a', 'link');
    this.#countdown.hidden = true;
  }

  connectedCallback(): void {
    this.#begin();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#begin();
  }

  disconnectedCallback(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #begin(): void {
    this.disconnectedCallback();
    const saleId = this.getAttribute('sale') ?? '';
    const isSale = saleIdPattern.test(saleId);
    const tag = this.#language();
    const words = { ...embedWords[tag], ...createFill(embedWords[tag]?.locale ?? 'en') };
    this.#box.dir = words.dir ?? '';
    this.#link.href = isSale ? `${home}/sales/${saleId}` : home;
    say(this.#link, this.getAttribute('text-link') ?? words.toSale ?? '');
    if (isSale) this.#stop = followSale(`${home}/api/sales/${saleId}`, (sale, nowMs) => this.#show(sale, tag, nowMs));
    else reportError(new Error(`seckill-sale: sale="${saleId}" is no id of a sale`));
  }

  #show(sale: PublicSale | null, tag: string, nowMs: number): void {
    const words = embedWords[tag];
    if (sale === null || words === undefined) return; // the link is there already
    const state = stateAt(sale, nowMs);
    this.dataset.state = state;
    say(this.#title, inLanguage(sale.translations, tag)?.title ?? sale.title);
    say(this.#state, this.getAttribute(`text-${state.replace('_', '-')}`) ?? words.saleLabels[state]);
    this.#countdown.hidden = state !== 'upcoming';
    if (state !== 'upcoming') return;
    say(this.#label, this.getAttribute('text-opens-in') ?? words.opensIn);
    const leftMs = Date.parse(sale.opensAt) - nowMs;
    say(this.#clock, formatCountdown(leftMs, { ...createFill(words.locale), daysAndClock: words.daysAndClock }));
  }

  /** Its own, that of the page around it, the visitor's. */
  #language(): string {
    const near = this.closest<HTMLElement>('[lang]')?.lang ?? '';
    return chooseLanguage([near, ...navigator.languages], Object.keys(embedWords));
  }
}

if (customElements.get('seckill-sale') === undefined) customElements.define('seckill-sale', SeckillSale);
