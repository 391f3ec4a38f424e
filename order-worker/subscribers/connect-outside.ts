import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { isInnerAddress } from './inner-address.ts';

/** All addresses of a host; rejects when it has none. */
export type Resolve = (hostname: string) => Promise<string[]>;

/** The URL leads into the inner network, and was not allowed to. */
export class InnerAddressError extends Error {
  constructor(hostname: string, address: string) {
    const where = hostname === address ? hostname : `${hostname} is ${address}, which`;
    super(`${where} is in the inner network: add --allow-inner if it may be`);
  }
}

/**
 * Asks the name servers themselves. Not getaddrinfo: that takes one of the process' four threads for as long as a name
 * server keeps silent, and the whole process would wait for the name of one subscriber.
 */
export const resolvePublicly: Resolve = async (hostname) => {
  const resolver = new dns.Resolver({ timeout: 1500, tries: 2 });
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const addresses = [four, six].flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  if (addresses.length === 0) throw four.status === 'rejected' ? four.reason : new Error(`${hostname} has no address`);
  return addresses;
};

/** As the machine does it, with its hosts file and search domains: for subscribers inside. */
export const resolveLocally: Resolve = async (hostname) =>
  (await dns.lookup(hostname, { all: true })).map(({ address }) => address);

/** The addresses of a URL's host that may be connected to. Throws {@link InnerAddressError} when one of them is inner. */
export async function outerAddresses(hostname: string, allowInner: boolean, resolve: Resolve): Promise<string[]> {
  const literal = hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(literal) === 0 ? await resolve(literal) : [literal];
  const inner = allowInner ? undefined : addresses.find(isInnerAddress);
  if (inner !== undefined) throw new InnerAddressError(literal, inner);
  return addresses;
}

/**
 * Connects for undici, to addresses that were looked at: the very ones that the host's name has at this moment, so that a
 * name which changes its address after it was checked (DNS rebinding) leads nowhere else.
 */
export function connectOutside(options: {
  allowInner: boolean;
  resolve: Resolve;
  timeoutMs: number;
}): buildConnector.connector {
  const { allowInner, resolve, timeoutMs } = options;
  const connect = buildConnector({
    timeout: timeoutMs,
    allowH2: false,
    lookup: (hostname, { all }, done) => {
      outerAddresses(hostname, allowInner, resolve).then(
        (addresses) => {
          const found: LookupAddress[] = addresses.map((address) => ({ address, family: isIP(address) }));
          const [first] = found;
          if (all === true) done(null, found);
          else done(first === undefined ? new Error('no address') : null, first?.address ?? '', first?.family);
        },
        (error: Error) => done(error, ''),
      );
    },
  });
  return (target, callback) => {
    // An address in the URL itself is never looked up.
    const literal = target.hostname.replace(/^\[|\]$/g, '');
    if (!allowInner && isIP(literal) !== 0 && isInnerAddress(literal)) {
      callback(new InnerAddressError(literal, literal), null);
    } else connect(target, callback);
  };
}
