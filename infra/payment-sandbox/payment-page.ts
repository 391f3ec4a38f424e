import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { moneyText } from '#contract/money-text.ts';
import { type DeclineReason, declineReasons } from '#contract/payment.ts';
import type { PaymentRow } from './ledger-file.ts';

/** What a form of the page says; `leave`: back without having paid, and the payment stays open. */
export const pageActs = ['pay', 'leave', ...declineReasons] as const;

const declines: Record<DeclineReason, string> = {
  card_declined: 'Decline the card · 拒绝银行卡',
  insufficient_funds: 'Not enough money · 余额不足',
  card_expired: 'Card has expired · 银行卡已过期',
  not_authenticated: 'Not confirmed with the bank · 未通过银行验证',
  abandoned: 'Give up · 放弃付款',
  timed_out: 'Time ran out · 付款超时',
  other: 'Decline, no reason given · 拒绝，不说明原因',
};

const style = `
:root { color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif; }
main { max-width: 26rem; margin: 3rem auto; padding: 0 1rem; }
button { display: block; width: 100%; min-height: 44px; margin: 0.5rem 0; font: inherit; }`;
const styleHash = createHash('sha256').update(style).digest('base64');

/** No script, no frame around it. A form leads on to the shop, and browsers ask the policy about that way, too. */
export function pagePolicy(row: PaymentRow | null): string {
  const shop = row?.returnUrl == null ? '' : ` ${new URL(row.returnUrl).origin}`;
  return `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'${shop}; base-uri 'none'; frame-ancestors 'none'`;
}

function page(main: ReturnType<typeof html>): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Payment sandbox · 支付沙盒</title>
<style>${raw(style)}</style>
</head>
<body>
<main>
<p>Payment sandbox, for trying things out: no money moves. · 支付沙盒：仅供试用，不会扣款。</p>
${main}
</main>
</body>
</html>
`);
}

export const renderNoPayment = (): string => page(html`<h1>We could not find this payment. · 找不到这笔付款</h1>`);

const says = {
  pending: 'This payment is not finished. · 付款尚未完成。',
  succeeded: 'Paid. · 已付款。',
  failed: 'Not paid. · 未付款。',
} as const;

const wayBack = ({ returnUrl }: PaymentRow) =>
  returnUrl === null
    ? html`<p>You can close this page. · 您可以关闭本页。</p>`
    : html`<p><a href="${returnUrl}">Back to the shop · 返回商城</a></p>`;

/** The page on which a shopper pays, declines or leaves. `isLeaving`: there is nothing more to press here. */
export function renderPayment(row: PaymentRow, isLeaving: boolean): string {
  const { state, amount, currency, title, reference } = row;
  const button = (act: string, text: string) => html`<button name="act" value="${act}">${text}</button>`;
  const form = html`<form method="post">
${button('pay', 'Pay · 付款')}
${declineReasons.map((reason) => button(reason, declines[reason]))}
${button('leave', 'Leave · 暂不付款')}
</form>`;
  return page(html`<h1>${title ?? reference}</h1>
<p>${moneyText({ amount, currency })}</p>
${state === 'pending' && !isLeaving ? form : html`<p>${says[state]}</p>${wayBack(row)}`}`);
}
