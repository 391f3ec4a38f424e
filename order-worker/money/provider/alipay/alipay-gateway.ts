import type { KeyObject } from 'node:crypto';
import { Pool } from 'undici';
import { z } from 'zod';
import { ProviderFault } from '../provider.ts';
import { beijingTime } from './beijing-time.ts';
import { loadAlipaySdk } from './load-alipay-sdk.ts';

/** `done`: `body` is what Alipay answered, its signature checked. `refused`: it will not do this; `code` is Alipay's sub_code. */
export type AlipayAnswer = { kind: 'done'; body: unknown } | { kind: 'refused'; code: string; reason: string };
export type AlipayGateway = ReturnType<typeof createAlipayGateway>;

type Content = Record<string, string>;

const answerSchema = z.object({ code: z.string(), sub_code: z.string().optional(), sub_msg: z.string().optional() });
const longestAnswer = 64 * 1024;
const longestReason = 200;
/** Errors of the driver that come before a byte was sent. */
const notSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Calls to Alipay's gateway (`gateway.do`, OpenAPI 2.0), signed and checked by the official SDK. The SDK does not make the calls:
 * its client takes no AbortSignal, bounds no answer, reads one whose signature is wrong unless told otherwise, and puts
 * answers whole into its errors. undici does: it follows no redirect, and an answer of more than 64 KiB is a fault.
 */
export function createAlipayGateway(options: {
  appId: string;
  /** The app's own. */
  privateKey: KeyObject;
  /** Alipay's, which its answers and notices are checked by. */
  alipayKey: KeyObject;
  url: string;
  now: () => number;
  connections?: number;
}) {
  const { appId, privateKey, alipayKey, now, connections = 64 } = options;
  const url = new URL(options.url);
  const { AlipaySdk } = loadAlipaySdk();
  const sdk = new AlipaySdk({
    appId,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keyType: 'PKCS8',
    alipayPublicKey: alipayKey.export({ type: 'spki', format: 'pem' }).toString(),
    gateway: options.url,
  });
  const pool = new Pool(url.origin, { connections, connect: { timeout: 1000 }, maxResponseSize: longestAnswer });
  // The SDK's own would be of the zone that this process runs in.
  const timestamp = () => beijingTime(now());

  async function post(path: string, body: string, signal: AbortSignal | undefined): Promise<string> {
    try {
      const headers = { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' };
      const sent = { method: 'POST' as const, path, headers, body, ...(signal === undefined ? {} : { signal }) };
      const { statusCode: status, body: answer } = await pool.request(sent);
      const text = await answer.text();
      if (status === 200) return text;
      // 500 and 504 may come after the deed.
      throw new ProviderFault(status === 500 || status === 504 ? 'unknown' : 'unavailable', `it answered ${status}`);
    } catch (error) {
      if (error instanceof ProviderFault) throw error;
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      throw new ProviderFault(notSent.has(String(code)) ? 'unavailable' : 'unknown', error);
    }
  }

  /** The answer itself, out of the very text that its signature is of: another node of the same name is never read. */
  function checked(text: string, method: string): unknown {
    const whole = parseJson(text);
    const name = [`${method.replaceAll('.', '_')}_response`, 'error_response'].find((each) =>
      Object.hasOwn(whole, each),
    );
    if (name === undefined) throw new ProviderFault('unknown', 'it answered with something else');
    const { sign } = whole;
    const signed = sdk.getSignStr(text, name);
    if (typeof sign === 'string' && sdk.rsaCheck(signed, sign, 'RSA2')) return parseJson(signed);
    // It proves nothing, but says what is wrong when Alipay does not know the app or its key.
    const says = answerSchema.safeParse(whole[name]).data?.sub_code ?? '';
    const hint = /^[\w.-]{1,64}$/.test(says) ? `, which says ${says}` : '';
    throw new ProviderFault('unknown', `it answered without a signature of SECKILL_ALIPAY_PUBLIC_KEY${hint}`);
  }

  return {
    /**
     * One call. `content` is its biz_content. Throws ProviderFault for what is neither done nor refused: the app or its
     * signature is wrong, it has no right to the call, Alipay has a fault of its own.
     */
    async ask(
      method: string,
      content: Content,
      more: { signal: AbortSignal | undefined; notifyUrl?: string },
    ): Promise<AlipayAnswer> {
      const { signal, notifyUrl } = more;
      const parameters = {
        timestamp: timestamp(),
        ...(notifyUrl === undefined ? {} : { notify_url: notifyUrl }),
        bizContent: content,
      };
      const query = new URLSearchParams(sdk.sdkExecute(method, parameters, { bizContentAutoSnakeCase: false }));
      const body = new URLSearchParams({ biz_content: query.get('biz_content') ?? '' });
      query.delete('biz_content');
      const answered = checked(await post(`${url.pathname}?${query}`, body.toString(), signal), method);
      const head = answerSchema.safeParse(answered);
      if (!head.success) throw new ProviderFault('unknown', 'it answered with something else');
      const { code, sub_code: subCode = '', sub_msg: says = '' } = head.data;
      if (code === '10000') return { kind: 'done', body: answered };
      const isItsFault = code.startsWith('2') || subCode.endsWith('SYSTEM_ERROR');
      if (isItsFault) throw new ProviderFault('unknown', `it answered ${code} ${plain(subCode)}`);
      // What it says of a signature repeats what was signed: only its code goes further.
      if (code !== '40004') throw new ProviderFault('unavailable', `it answered ${code} ${plain(subCode)}`);
      return { kind: 'refused', code: subCode, reason: plain(`${subCode}: ${says}`) };
    },

    /** The signed address of a page of Alipay's. */
    page: (method: string, content: Content, urls: { notifyUrl: string; returnUrl: string }): string =>
      sdk.pageExecute(method, 'GET', {
        timestamp: timestamp(),
        notify_url: urls.notifyUrl,
        return_url: urls.returnUrl,
        bizContent: content,
      }),

    /** True for the parameters of a notice that Alipay signed, by RSA2 and no weaker kind. */
    isGenuine: (notice: Readonly<Record<string, string>>): boolean =>
      notice.sign_type === 'RSA2' && sdk.checkNotifySignV2({ ...notice }),

    close: (): Promise<void> => pool.destroy(),
  };
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>; // any object is one
  } catch {
    // told below
  }
  throw new ProviderFault('unknown', 'it answered with no JSON object');
}

/** Text for logs and for a row of PostgreSQL, which takes no NUL. */
const plain = (text: string) => text.replace(/\p{Cc}/gu, ' ').slice(0, longestReason);
