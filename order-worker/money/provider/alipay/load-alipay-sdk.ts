import { createRequire } from 'node:module';
import { Socket } from 'node:net';

type Sdk = typeof import('alipay-sdk');

/**
 * Alipay's SDK, without what its HTTP client (urllib) does to this process: it puts a `destroy` of its own on every socket,
 * which throws when one error ends two of them (alipay/alipay-sdk-nodejs-all, issue 146). Nothing here uses that client.
 * It is loaded in one go: no other code runs while the sockets have it.
 */
export function loadAlipaySdk(): Sdk {
  const own = Object.getOwnPropertyDescriptor(Socket.prototype, 'destroy');
  const sdk = createRequire(import.meta.url)('alipay-sdk') as Sdk; // what the package declares
  if (own === undefined) Reflect.deleteProperty(Socket.prototype, 'destroy');
  else Object.defineProperty(Socket.prototype, 'destroy', own);
  return sdk;
}
