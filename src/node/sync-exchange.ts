import type { Head } from '../core/log/record.ts';
import type { Remote } from '../core/ports/remote.ts';
import type { Replica } from '../core/replica/replica.ts';
import { syncWith, type SyncReport } from '../core/replica/transfer.ts';
import type { HeardNews } from './heard-news.ts';

/** What is known before a sync, of which {@link syncWith} says what it is good for. */
export interface Known {
  readonly isCurrent: boolean;
  readonly heard: Head | null;
}

type OnProgress = (done: number, total: number) => void;

/** A sync that reads and sends now. */
interface Exchange {
  /** How often what it read or sent changed something here. */
  changes: number;
  isApplied: boolean;
  /** The apply that runs beside it; never rejects. */
  applying: Promise<void> | null;
}

interface SyncExchangesDeps {
  readonly replica: Replica;
  readonly news: HeardNews;
  /** Puts what changed in place. */
  readonly apply: () => Promise<void>;
  /** Something came that was not put in place. */
  readonly onUnapplied: () => void;
}

/** The exchanges of one space with its home: each reads, sends, and puts in place what came. One runs at a time. */
export class SyncExchanges {
  readonly #deps: SyncExchangesDeps;
  /** What changes by it is applied by it: no other sync is needed for that. */
  #now: Exchange | null = null;
  #captures = 0;
  #appliedTo = -1;
  readonly #carried = { pulled: 0, pushed: 0 };

  constructor(deps: SyncExchangesDeps) {
    this.#deps = deps;
  }

  /** All up to this position was put in place. */
  get appliedTo(): number {
    return this.#appliedTo;
  }

  /** Commits since the beginning, of all exchanges. */
  get carried(): { readonly pulled: number; readonly pushed: number } {
    return { ...this.#carried };
  }

  /**
   * Reads, sends, and applies: the last not during a capture, for whose end it would wait, and what is to be sent with
   * it. What comes in many pages is put in place while more is read. Throws RemoteError, and what applying throws.
   */
  async run(remote: Remote, known: Known, onProgress?: OnProgress): Promise<SyncReport> {
    const exchange: Exchange = { changes: 0, isApplied: false, applying: null };
    this.#now = exchange;
    try {
      const report = await this.#carry(remote, known, onProgress);
      await exchange.applying;
      return this.#captures === 0 ? await this.#applyAll(exchange, remote, report) : report;
    } finally {
      this.#now = null;
      await exchange.applying;
      if (exchange.changes > 0 && !exchange.isApplied) this.#deps.onUnapplied();
    }
  }

  /** While it runs, what is read is not put in place. */
  async duringCapture(capture: () => Promise<void>): Promise<void> {
    this.#captures += 1;
    try {
      await capture();
    } finally {
      this.#captures -= 1;
    }
  }

  /** Something changed here. False where no exchange runs, which would put it in place. */
  noteChange(): boolean {
    if (this.#now === null) return false;
    this.#applyAlong(this.#now);
    return true;
  }

  /** Whether there is something to read or to replay. Of a log that is kept here, what others append is in our store at once. */
  async isNews(head: Head | null): Promise<boolean> {
    const { replica } = this.#deps;
    return (await replica.head())?.hash !== head?.hash || (head !== null && replica.position < head.position);
  }

  async #carry(remote: Remote, { isCurrent, heard }: Known, onProgress?: OnProgress): Promise<SyncReport> {
    const report = await syncWith(this.#deps.replica, remote, onProgress, isCurrent, heard);
    this.#carried.pulled += report.pulled;
    this.#carried.pushed += report.pushed;
    return report;
  }

  /** Puts all in place. What is heard of meanwhile, which may be long, is read at once, and put in place next. */
  async #applyAll(exchange: Exchange, remote: Remote, first: SyncReport): Promise<SyncReport> {
    let report = first;
    for (;;) {
      const { position } = this.#deps.replica;
      exchange.changes = 0;
      exchange.isApplied = false;
      const applied = this.#deps.apply();
      exchange.applying = applied.catch(() => undefined).finally(() => (exchange.applying = null));
      const isOver = report.divergence !== null || report.moved;
      const [apply, read] = await Promise.allSettled([applied, isOver ? null : this.#readUntil(applied, remote)]);
      if (apply.status === 'rejected') throw apply.reason;
      this.#appliedTo = position;
      if (read.status === 'rejected') throw read.reason;
      exchange.isApplied = exchange.changes === 0;
      if (read.value === null) return report;
      report = added(report, read.value);
    }
  }

  /** Follows what is heard of the remote until something else has ended. `null`: nothing came. */
  async #readUntil(other: Promise<void>, remote: Remote): Promise<SyncReport | null> {
    const { news } = this.#deps;
    const read: SyncReport[] = [];
    let isEnded = false;
    const end = (): void => {
      isEnded = true;
      news.wake();
    };
    other.then(end, end);
    const isOver = (): boolean => isEnded || read.some(({ divergence, moved }) => divergence !== null || moved);
    while (!isOver()) {
      const head = news.takeHead();
      if (head === null) await news.next();
      else if (await this.isNews(head)) read.push(await this.#carry(remote, { isCurrent: false, heard: head }));
    }
    return read.reduce<SyncReport | null>((sum, each) => (sum === null ? each : added(sum, each)), null);
  }

  #applyAlong(exchange: Exchange): void {
    exchange.changes += 1;
    if (exchange.changes === 1 || exchange.applying !== null || this.#captures > 0) return;
    exchange.applying = this.#deps
      .apply()
      // The apply in the end meets the same, and says it.
      .catch(() => undefined)
      .finally(() => {
        exchange.applying = null;
      });
  }
}

function added(before: SyncReport, now: SyncReport): SyncReport {
  return { ...now, pulled: before.pulled + now.pulled, pushed: before.pushed + now.pushed };
}
