/** Collects the conditions of a list with their parameters; what is not asked for is not in the statement. */
export interface Where {
  readonly values: unknown[];
  /** `condition` has a `?` for each value. */
  and(condition: string, ...values: readonly unknown[]): void;
  /** Likewise, where the first value is there. */
  andIf(condition: string, ...values: readonly unknown[]): void;
  /** A parameter outside the conditions, such as a limit. */
  parameter(value: unknown): string;
  readonly text: string;
}

export function openWhere(): Where {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const where: Where = {
    values,
    and(condition, ...given) {
      let at = values.length;
      const marks = condition.split("?").length - 1;
      if (marks !== given.length) throw new Error(`${marks} marks for ${given.length} values in: ${condition}`);
      conditions.push(condition.replaceAll("?", () => `$${++at}`));
      values.push(...given);
    },
    andIf(condition, ...given) {
      if (given[0] !== undefined) where.and(condition, ...given);
    },
    parameter: (value) => `$${values.push(value)}`,
    get text() {
      return conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
    },
  };
  return where;
}
