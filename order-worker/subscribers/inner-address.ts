import ipaddr from 'ipaddr.js';

const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * True for every address that is not an ordinary public one: loopback, private (RFC 1918), link-local with the cloud's
 * metadata service, CGNAT, unique local, multicast, reserved, and IPv6 forms that carry an IPv4 address. What is not an
 * address at all is inner too. Source of the ranges: IANA special-purpose registries, as kept by ipaddr.js.
 */
export function isInnerAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return true;
  const address = ipaddr.process(text); // ::ffff:10.0.0.1 is 10.0.0.1
  if (address.range() !== 'unicast') return true;
  return address instanceof ipaddr.IPv6 && !address.match(globalUnicast);
}
