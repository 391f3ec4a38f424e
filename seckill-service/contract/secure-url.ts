/** The names of this machine, as a URL has them: an IPv4 address is always written in full there (WHATWG URL, 3.5). */
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** True for https, and for http to this machine, where no line can be listened in on: what a shopper, a token or a key may travel by. */
export function isSecureUrl({ protocol, hostname }: Pick<URL, 'protocol' | 'hostname'>): boolean {
  return protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname));
}
