/** Who uses a worker's slots, so that no tenant holds more than its share while others wait. */
export interface Slots {
  /** Whether `tenantId` may take one more, when others wait. */
  hasShare(tenantId: string): boolean;
  enter(tenantId: string): void;
  leave(tenantId: string): void;
}

export function openSlots(size: number): Slots {
  const used = new Map<string, number>();
  return {
    hasShare(tenantId) {
      // Those who wait count as one tenant more than those who are served.
      const share = Math.max(1, Math.ceil(size / (used.size + 1)));
      return (used.get(tenantId) ?? 0) < share;
    },
    enter(tenantId) {
      used.set(tenantId, (used.get(tenantId) ?? 0) + 1);
    },
    leave(tenantId) {
      const left = (used.get(tenantId) ?? 1) - 1;
      if (left > 0) used.set(tenantId, left);
      else used.delete(tenantId);
    },
  };
}
