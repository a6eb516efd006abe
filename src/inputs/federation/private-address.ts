import { BlockList, isIP } from 'node:net';

const ranges = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  ranges.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  ranges.addSubnet(network, prefix, 'ipv6');

/** The prefixes of IPv6 addresses that contain an IPv4 address: mapped, NAT64 and 6to4. */
const embedded = new BlockList();
embedded.addSubnet('::ffff:0:0', 96, 'ipv6');
embedded.addSubnet('64:ff9b::', 96, 'ipv6');
embedded.addSubnet('2002::', 16, 'ipv6');

/** Returns whether an address is not a public unicast address. Of addresses that contain another one, all are. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  if (family === 4) return ranges.check(address, 'ipv4');
  return ranges.check(address, 'ipv6') || embedded.check(address, 'ipv6');
}
