import { expect, test } from 'vitest';
import { isInnerAddress } from './inner-address.ts';

test.each([
  ['loopback', '127.0.0.1', '127.255.255.254', '::1', '0.0.0.0', '::'],
  ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fdff::1', 'fec0::1'],
  ['link-local and cloud metadata', '169.254.0.1', '169.254.169.254', 'fe80::1', 'fd00:ec2::254'],
  ['shared and carrier-grade NAT', '100.64.0.1', '100.127.255.254'],
  ['reserved, test, multicast, broadcast', '192.0.2.1', '198.18.0.1', '240.0.0.1', '224.0.0.1', '255.255.255.255'],
  ['reserved, multicast (IPv6)', '2001:db8::1', 'ff02::1', '100::1'],
  ['IPv4 inside of IPv6', '::ffff:127.0.0.1', '::ffff:a00:1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'],
  ['no address', '', 'localhost', '1.2.3.4.5', '1.2.3.4:80'],
])('%s is inner', (_what, ...addresses) => {
  expect(addresses.filter((address) => !isInnerAddress(address))).toEqual([]);
});

test('public addresses are not', () => {
  for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.63.255.255', '2606:4700::1111', '::ffff:1.1.1.1']) {
    expect(isInnerAddress(address), address).toBe(false);
  }
});
