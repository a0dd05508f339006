import { inspect } from "node:util";

const shown = "[secret]";

/**
 * A value that cannot print itself: logs, templates, JSON and `inspect` all show "[secret]".
 * Only `reveal()` gives the value, so each use of a secret can be found by searching for that word.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
