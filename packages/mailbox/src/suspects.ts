/**
 * Messages that cost us the connection when they were read: after one that broke in the middle of a batch, messages are
 * read one by one, and one that breaks it again and again is given up, so that it does not keep the rest from us.
 */
export class Suspects {
  readonly #deaths = new Map<number, number>();
  #inHand: readonly number[] = [];
  #carefulFor = 0;

  /** How many messages to read at once. */
  batchSize(usual: number): number {
    return this.#carefulFor > 0 ? 1 : usual;
  }

  isUnreadable(uid: number): boolean {
    return (this.#deaths.get(uid) ?? 0) >= deathsUntilGivenUp;
  }

  begin(uids: readonly number[]): void {
    this.#inHand = uids;
  }

  end(): void {
    this.#carefulFor = Math.max(0, this.#carefulFor - this.#inHand.length);
    this.#inHand = [];
  }

  /** The server refuses to give them, and says so. */
  refused(): void {
    this.#blame(deathsUntilGivenUp);
  }

  /** The connection has ended; `isTheirs` where what the server sent was the reason, and not the way. */
  connectionEnded(isTheirs: boolean): void {
    this.#blame(isTheirs ? deathsUntilGivenUp / 2 : 1);
  }

  #blame(weight: number): void {
    const [uid] = this.#inHand;
    if (uid === undefined) return;
    if (this.#inHand.length > 1) this.#carefulFor = this.#inHand.length;
    else this.#deaths.set(uid, (this.#deaths.get(uid) ?? 0) + weight);
    this.#inHand = [];
  }
}

/** So many ends of the connection for which the way may be to blame as well. */
const deathsUntilGivenUp = 6;
