/**
 * Which addresses a tenant's URL may lead to. After the IANA registries of special-purpose addresses (RFC 6890): what
 * is not globally reachable is somebody's inside, and mostly the operator's.
 */
import { BlockList, isIP } from "node:net";

/** Private networks can be opened by the operator; what is never reached needs its host named. */
export type AddressReach = "global" | "private" | "never";

const privateV4 = blockList("ipv4", ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]);
const privateV6 = blockList("ipv6", ["::1/128", "fc00::/7"]);

// Link-local addresses are where clouds keep their credentials, and two of them use private networks for it.
const neverV4 = blockList("ipv4", [
  "0.0.0.0/8",
  "100.100.100.200/32",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
]);
const neverV6 = blockList("ipv6", ["fd00:ec2::/32", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]);
const globalV6 = blockList("ipv6", ["2000::/3"]);

/** Takes an address as the resolver or a URL spells it; what is none is never reached. */
export function addressReach(address: string): AddressReach {
  switch (isIP(address)) {
    case 4:
      if (neverV4.check(address)) return "never";
      return privateV4.check(address) ? "private" : "global";
    case 6:
      return reachV6(address);
    default:
      return "never";
  }
}

function reachV6(address: string): AddressReach {
  if (address.includes("%")) return "never"; // A zone: link-local.
  const inside = embeddedV4(address);
  if (inside) return addressReach(inside);
  if (neverV6.check(address, "ipv6")) return "never";
  if (privateV6.check(address, "ipv6")) return "private";
  return globalV6.check(address, "ipv6") ? "global" : "never";
}

/** IPv4-mapped addresses, and those of NAT64 (RFC 6052), which is how a network without IPv4 reaches it. */
function embeddedV4(address: string): string | undefined {
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff:|64:ff9b::)(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(plain) ?? [];
  if (low === undefined) return undefined;
  const bits = [Number.parseInt(high ?? "0", 16), Number.parseInt(low, 16)];
  return bits.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}

function blockList(family: "ipv4" | "ipv6", subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network, prefix] = subnet.split("/");
    list.addSubnet(network!, Number(prefix), family);
  }
  return list;
}
