import { html } from 'hono/html';
import { innerPage } from '../inner/inner-page.ts';

/** The form that asks for the token; `says` is what was wrong with the last one. */
export function renderLogin(says: string | null): string {
  return innerPage({
    title: 'Sign in · seckill console',
    style: '/console/assets/console.css',
    body: html`<body class="login">
<main>
<h1>seckill console</h1>
<form method="post" action="/console/login" class="panel">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${says === null ? '' : html` aria-invalid="true" aria-describedby="says"`}>
${says === null ? '' : html`<p id="says" class="alert" role="alert" data-testid="says">${says}</p>`}
<button type="submit">Sign in</button>
<p class="soft">It is SECKILL_CONSOLE_TOKEN; <code>npx seckill console</code> says where it is kept.</p>
</form>
</main>
</body>`,
  });
}
