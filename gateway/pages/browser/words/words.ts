import type { OrderState } from '#contract/order.ts';
import type { ProblemCode } from '#contract/problems.ts';
import type { SaleState } from '#contract/sale.ts';

export type Language = 'en' | 'zh';
export type Both = Record<Language, string>;

/** What the script says. What stands still is in the markup, in both languages (../../texts.ts). */
export type Words = {
  /** For Intl: dates, numbers, money. */
  locale: string;
  saleLabels: Record<SaleState, string>;
  /** One sentence of what a state means for a shopper whose page is alive. */
  saleAdvice: Record<SaleState, string>;
  cameBack: string;
  orderLabels: Record<OrderState, string>;
  orderAdvice: Record<OrderState, string>;
  problems: Record<ProblemCode, string>;
  opensIn: string;
  closesIn: string;
  days: (count: number) => string;
  buy: {
    wait: string;
    now: string;
    again: string;
    ready: string;
    getReady: string;
    checking: string;
    placing: string;
    seeOrder: string;
    leaving: string;
  };
  question: {
    early: (minutes: number) => string;
    fetching: string;
    later: string;
    done: string;
    work: (percent: number) => string;
    workEarly: string;
    workDone: string;
    workFailed: string;
    missing: string;
  };
  say: {
    ready: string;
    in: string;
    mine: string;
    noAnswer: string;
    unsure: string;
    tried: string;
    offline: string;
    lost: string;
  };
  order: {
    ahead: (units: number) => string;
    waits: (seconds: number) => string;
    payUntil: (time: string) => string;
    foreign: string;
    foreignAdvice: string;
    none: string;
    lost: string;
    paying: string;
    paymentFailed: string;
    noWordOfPayment: string;
    sureCancel: string;
    sureRefund: string;
  };
};
