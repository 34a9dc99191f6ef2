/** Ctrl-C and SIGTERM for commands that end in good order. */
export interface Interruption extends Disposable {
  readonly isAsked: () => boolean;
  /** Aborted when asked. */
  readonly signal: AbortSignal;
}

/** The first Ctrl-C or SIGTERM asks to end after the unit under way; the next one ends the process as ever. */
export function untilAsked(): Interruption {
  const controller = new AbortController();
  const off = () => {
    process.off('SIGINT', ask);
    process.off('SIGTERM', ask);
  };
  const ask = () => {
    controller.abort();
    off();
  };
  process.once('SIGINT', ask);
  process.once('SIGTERM', ask);
  return { isAsked: () => controller.signal.aborted, signal: controller.signal, [Symbol.dispose]: off };
}
