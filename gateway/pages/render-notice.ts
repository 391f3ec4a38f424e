import { html } from 'hono/html';
import { frame, type PageContext } from './frame.ts';
import { supportLine } from './shop-parts.ts';

/** `not-found.html` and `trouble.html`: what the edge shows to a person in the place of a page, with a way back. */
export const noticeNames = ['not-found', 'trouble'] as const;

export function renderNotice(name: (typeof noticeNames)[number], context: PageContext): string {
  const { text, each } = context.speech;
  return frame(
    each(`notice.${name}.title`),
    context,
    html`<main id="main" class="list" data-page="notice">
<h1>${text(`notice.${name}.says`)}</h1>
<p class="lead">${text(`notice.${name}.advice`)}</p>
<p><a data-testid="all-sales" href="/">${text('notice.toSales')}</a></p>
${supportLine(context)}
</main>`,
  );
}
