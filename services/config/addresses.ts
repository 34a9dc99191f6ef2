/** Lists of addresses that may connect. */
import { BlockList, isIP, isIPv6 } from 'node:net';

export interface AddressList {
  /** As written, for what is said of it. */
  readonly written: readonly string[];
  includes(address: string): boolean;
}

/** An IPv4 sender on a socket that listens on both comes as ::ffff:10.1.2.3; a link-local one carries its interface. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');

/** Returns why `written` is no address and no network in CIDR notation, or undefined. */
export function addressFault(written: string): string | undefined {
  const [address = '', bits, more] = written.split('/');
  const most = isIPv6(address) ? 128 : 32;
  if (isIP(address) === 0 || more !== undefined) return `"${written}" is no IP address and no network such as 10.20.0.0/16`;
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)) return `"${written}" must have /0 to /${most}`;
  return undefined;
}

/** Returns the list of addresses and networks (10.20.0.0/16, fd00::/8); each must be free of `addressFault`. */
export function addressList(written: readonly string[]): AddressList {
  const list = new BlockList();
  for (const each of written) {
    const [address = '', bits] = each.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return {
    written,
    includes: (address) => {
      const plain = plainAddress(address);
      return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
    },
  };
}
