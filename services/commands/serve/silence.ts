/** Watches whether sources fall silent past their own habit, and says so once when they do and once when they are back. */
import { rulesNamed, type SourceBook } from '../../config/sources.ts';
import type { Database } from '../../database/connect.ts';
import { type Habit, habits, lastSigns } from '../../database/journal/rhythm.ts';
import { ERRORS, problem } from '../../errors.ts';
import type { Log } from '../../mllp/connection.ts';
import { localDay, type Silence, silenceOf, silenceText, WINDOW_DAYS } from '../../pipeline/silence.ts';

export interface SilenceWatch extends Disposable {
  /** As of the last look. */
  readonly silences: readonly Silence[];
  /** Looks now. */
  look(): Promise<readonly Silence[]>;
}

export interface SilenceOptions {
  readonly book: SourceBook | undefined;
  /** IANA zone of working days and hours. */
  readonly timezone: string;
  readonly clock: () => Date;
  readonly log: Log;
}

const LOOK_EVERY_MS = 60_000;
const LEARN_EVERY_MS = 3_600_000;
/** Two looks overlap by this, for what was being stored during the first. */
const OVERLAP_MS = 300_000;

/** Returns a watch that looks only when asked. */
export function silenceWatch(database: Database, { book, timezone, clock, log }: SilenceOptions): Omit<SilenceWatch, keyof Disposable> {
  let known: readonly Habit[] = [];
  let learnedAt = Number.NEGATIVE_INFINITY;
  let lastId = 0;
  let since = new Date(0).toISOString();
  const last = new Map<string, string>();
  let silences: readonly Silence[] = [];
  const look = async (): Promise<readonly Silence[]> => {
    const now = clock();
    if (Math.abs(now.getTime() - learnedAt) >= LEARN_EVERY_MS) {
      known = await habits(database, localDay(now, timezone, -WINDOW_DAYS), localDay(now, timezone), timezone);
      learnedAt = now.getTime();
    }
    const signs = await lastSigns(database, lastId, since);
    lastId = signs.lastId;
    since = new Date(now.getTime() - OVERLAP_MS).toISOString();
    for (const [source, at] of signs.bySource) if ((last.get(source) ?? '') < at) last.set(source, at);
    const before = new Set(silences.filter(({ isSilent }) => isSilent).map(({ source }) => source));
    silences = known
      .filter(({ source }) => book === undefined || rulesNamed(book.current, source).silence === 'report')
      .map((habit) => silenceOf(habit, new Date(last.get(habit.source) ?? 0), now, timezone));
    for (const each of silences) {
      if (each.isSilent === before.has(each.source)) continue;
      const values = { source: each.source, seconds: Math.round(each.seconds) };
      if (!each.isSilent) log.info(values, 'the source sends again');
      else {
        const reason = problem('source-silent', { source: each.source, silence: silenceText(each) });
        log.warn({ ...values, code: reason.code, severity: ERRORS[reason.code].severity }, reason.text);
      }
    }
    return silences;
  };
  return {
    get silences() {
      return silences;
    },
    look,
  };
}

/** Looks every minute until disposed; while the database is away what was last known stays. */
export function watchSilence(database: Database, options: SilenceOptions): SilenceWatch {
  const watch = silenceWatch(database, options);
  let ended = false;
  let timer: NodeJS.Timeout;
  const again = (afterMs: number): void => {
    if (ended) return;
    timer = setTimeout(
      () =>
        void watch.look().then(
          () => again(LOOK_EVERY_MS),
          () => again(LOOK_EVERY_MS),
        ),
      afterMs,
    ).unref();
  };
  again(LOOK_EVERY_MS);
  return {
    get silences() {
      return watch.silences;
    },
    look: watch.look,
    [Symbol.dispose]: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
