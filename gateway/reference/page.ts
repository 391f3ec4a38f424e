import { html } from 'hono/html';
import type { ApiAccess, ApiRoute } from '#contract/api/route.ts';
import { apiRoutes } from '#contract/api/routes.ts';
import { problemCodes, problems } from '#contract/problems.ts';
import { innerPage } from '../inner/inner-page.ts';
import { type Field, fieldsOf } from './fields.ts';

type Markup = ReturnType<typeof html>;

const access: Record<ApiAccess, Markup | null> = {
  open: null,
  session: html`<code>Authorization: Bearer …</code>, the token of the sign-in`,
  ticket: html`<code>Seckill-Ticket: …</code>, the ticket of <a href="#getTicket">getTicket</a>`,
  webhook: html`<code>webhook-id</code>, <code>webhook-timestamp</code>, <code>webhook-signature</code>`,
};

/** `a \`code\` in words` as markup; everything is escaped. */
const words = (text: string): Markup =>
  html`${text.split('`').map((part, nth) => (nth % 2 === 1 ? html`<code>${part}</code>` : part))}`;

const fieldTable = (caption: Markup, fields: readonly Field[]): Markup =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="fields"><table><caption>${caption}</caption>
<thead><tr><th scope="col">field</th><th scope="col">type</th></tr></thead>
<tbody>${fields.map(({ name, type, optional }) => html`<tr><th scope="row"><code>${name}</code></th><td>${type}${optional ? ', may be left out' : ''}</td></tr>`)}</tbody></table></div>`;

function answers(route: ApiRoute): Markup[] {
  return Object.entries(route.answers).map(([status, { says, schema, type = 'application/json', headers = {} }]) => {
    const named = Object.entries(headers).map(([name, what]) => html`; <code>${name}</code> ${what}`);
    const kind = schema === undefined && type === 'application/json' ? 'no body' : type;
    const caption = html`<b>${status}</b> ${says} <span class="soft">${kind}</span>${named}`;
    return schema === undefined ? html`<p>${caption}</p>` : fieldTable(caption, fieldsOf(schema, 'output'));
  });
}

function section(route: ApiRoute): Markup {
  const { method, path, operation, summary, says, body, refusals } = route;
  const shows = access[route.access];
  return html`<section class="route" id="${operation}" aria-labelledby="${operation}-name">
<h3 id="${operation}-name"><span class="method" data-method="${method}">${method}</span> <code>${path}</code></h3>
<p><strong>${summary}.</strong> ${words(says)}</p>
${shows === null ? '' : html`<p class="soft">Needs ${shows}</p>`}
${body === undefined ? '' : fieldTable(html`<b>Body</b> <span class="soft">application/json</span>`, fieldsOf(body, 'input'))}
${answers(route)}
<p>Refusals: ${refusals.map((code, nth) => html`${nth === 0 ? '' : ', '}<a class="code" href="#${code}">${problems[code].status} ${code}</a>`)}</p>
</section>`;
}

const codes = html`<section aria-labelledby="codes"><h2 id="codes">Codes</h2>
<p>A refusal is <code>application/problem+json</code> (RFC 9457): <code>type</code>, <code>title</code>, <code>status</code>, <code>code</code>, sometimes <code>detail</code>. Where waiting helps, <code>Retry-After</code> says how many seconds.</p>
<div class="scroll" tabindex="0" role="region" aria-label="codes"><table><thead><tr><th scope="col">status</th><th scope="col">code</th><th scope="col">meaning</th><th scope="col">may succeed later</th></tr></thead>
<tbody>${problemCodes.map((code) => html`<tr id="${code}"><td>${problems[code].status}</td><th scope="row"><code>${code}</code></th><td>${problems[code].title}</td><td>${problems[code].retryable ? 'yes' : 'no'}</td></tr>`)}</tbody></table></div></section>`;

/** The API for people: the same table that the OpenAPI document is made from. No script, nothing from elsewhere. */
export function renderReference(): string {
  const groups = [...Map.groupBy(apiRoutes, ({ group }) => group)];
  return innerPage({
    title: 'API reference · seckill',
    style: '/reference/page.css',
    body: html`<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><span class="brand">seckill</span><a href="/reference/openapi.json">openapi.json</a></header>
<main id="main">
<h1>API reference</h1>
<p class="lead">One origin, the edge. Bodies are JSON; times are ISO 8601 UTC; amounts are in minor units by ISO 4217 (1999 is 19.99 CNY or 1999 JPY). Where GET is allowed, HEAD is too.</p>
<nav aria-label="routes"><ul class="index">${apiRoutes.map(({ operation, method, path }) => html`<li><a href="#${operation}"><span class="method" data-method="${method}">${method}</span> <code>${path}</code></a></li>`)}</ul></nav>
${groups.map(([name, routes]) => html`<h2>${name}</h2>${routes.map(section)}`)}
${codes}
</main>
</body>`,
  });
}
