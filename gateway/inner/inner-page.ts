import { html } from 'hono/html';

type Markup = ReturnType<typeof html>;

/** The frame of every page on the inner address: no inline script or style, nothing from elsewhere (inner-page-headers.ts). */
export function innerPage(page: { title: string; style: string; script?: string; body: Markup }): string {
  const { title, style, script, body } = page;
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="${style}">
<link rel="icon" href="data:,">
${script === undefined ? '' : html`<script type="module" src="${script}"></script>`}
</head>
${body}
</html>
`);
}
