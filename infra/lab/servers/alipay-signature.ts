import { createSign, createVerify, type KeyObject } from 'node:crypto';

/**
 * Alipay's RSA2 by its documented rules and node:crypto alone: what stands in for Alipay in tests must not check the adapter by the
 * SDK that the adapter signs with. https://opendocs.alipay.com/common/02kf5q (requests), /common/02mse7 (answers, notices)
 */

/** `a=1&b=2`: sorted by name, without `sign`, and of the others those that are in. */
function textOf(parameters: ReadonlyMap<string, string>, isIn: (name: string, value: string) => boolean): string {
  return [...parameters]
    .filter(([name, value]) => name !== 'sign' && isIn(name, value))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** A request: every parameter that has a value. */
export const requestText = (parameters: ReadonlyMap<string, string>): string =>
  textOf(parameters, (_, value) => value !== '');

/** A notice: every parameter but `sign_type`. */
export const noticeText = (parameters: ReadonlyMap<string, string>): string =>
  textOf(parameters, (name) => name !== 'sign_type');

export const signRsa2 = (text: string, key: KeyObject): string =>
  createSign('RSA-SHA256').update(text, 'utf8').sign(key, 'base64');

export const isRsa2 = (text: string, sign: string, key: KeyObject): boolean =>
  createVerify('RSA-SHA256').update(text, 'utf8').verify(key, sign, 'base64');
