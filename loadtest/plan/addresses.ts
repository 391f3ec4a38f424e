/** Addresses of a crowd on this machine: 127.16.0.0/20, the loopback's own, 4,094 of them. Each virtual user has one. */
export const crowdAddresses = '127.16.0.1-127.16.15.254';
