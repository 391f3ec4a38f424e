import { parseArgs } from 'node:util';
import { startIdentityProvider } from './identity-provider.ts';

const { values } = parseArgs({
  options: { shop: { type: 'string', default: 'http://127.0.0.1:8080' }, port: { type: 'string', default: '4000' } },
});
const shop = new URL(values.shop).origin;
const { settings } = await startIdentityProvider((origin) => origin === shop, Number(values.port));
const lines = Object.entries(settings).map(([name, value]) => `  ${name}='${value}' \\`);
process.stdout.write(`Signs shoppers of ${shop} in. In another terminal:\n\n${lines.join('\n')}\n  npm start\n`);
