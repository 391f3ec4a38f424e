import { html } from 'hono/html';
import type { Both } from './browser/words/words.ts';
import { both, frame, type PageContext } from './frame.ts';

type Notice = { title: string; says: Both; advice: Both };

const notices = {
  'not-found': {
    title: 'Nothing here · 没有这个页面',
    says: { en: 'There is nothing here.', zh: '这里没有内容。' },
    advice: {
      en: 'The address may have a typing mistake in it, or the sale is gone.',
      zh: '网址可能有误，或者活动已经下线。',
    },
  },
  trouble: {
    title: 'That did not work · 页面无法显示',
    says: { en: 'This page cannot be shown.', zh: '页面无法显示。' },
    advice: {
      en: 'Please wait a moment and try again. If it stays so, delete the cookies of this site.',
      zh: '请稍后再试。如果仍然如此，请清除本站的 Cookie。',
    },
  },
} satisfies Record<string, Notice>;

/** `not-found.html` and `trouble.html`: what the edge shows to a person in the place of a page, with a way back. */
export const noticeNames = Object.keys(notices) as (keyof typeof notices)[]; // the table's own keys

export function renderNotice(name: keyof typeof notices, context: PageContext): string {
  const { title, says, advice } = notices[name];
  return frame(
    title,
    context,
    html`<main id="main" class="list" data-page="notice">
<h1>${both(says)}</h1>
<p class="lead">${both(advice)}</p>
<p><a data-testid="all-sales" href="/">${both({ en: 'To all sales', zh: '查看全部活动' })}</a></p>
</main>`,
  );
}
