/** PostgreSQL's settings: what must be so for patients' data, and what suits the machine. Pure. */

export interface Machine {
  readonly memoryBytes: number;
  readonly cores: number;
  /** Size of the shared memory file system; containers give 64 MB by default. */
  readonly sharedMemoryBytes: number;
  /** The kernel can flush a whole file system at once and reports what fails (Linux 5.8 and later). */
  readonly syncfs: boolean;
}

const MB = 1024 * 1024;
const GB = 1024 * MB;

/** Returns the text of postgresql.conf for `machine`; `settings` go over the tuning, never over what is required. */
export function configuration(machine: Machine, settings: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ ...tuning(machine), ...settings, ...REQUIRED }).map(([name, value]) => `${name} = '${value}'`);
  return [
    '# Written anew at each start. Put settings of your own into local.conf beside this file, or use ALTER SYSTEM.',
    ...lines,
    "include_if_exists = 'local.conf'",
    '',
  ].join('\n');
}

/** Durable, closed, in UTC, and without patients' data in the log: statements and the values in their errors stay out of it. */
export const REQUIRED: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  password_encryption: 'scram-sha-256',
  unix_socket_permissions: '0700',
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'ISO, YMD',
  lc_messages: 'C',
  default_text_search_config: 'pg_catalog.simple',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] ',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_statement: 'none',
  log_checkpoints: 'off',
};

/** Returns the settings that follow from the machine's memory, cores and shared memory. Shares it: Polyseme and the vocabulary index live beside it. */
export function tuning(machine: Machine): Readonly<Record<string, string>> {
  const megabytes = (share: number, lowest: number, highest: number): string =>
    `${Math.floor(Math.min(Math.max(machine.memoryBytes * share, lowest), highest) / MB)}MB`;
  return {
    max_connections: '100',
    shared_buffers: megabytes(1 / 8, 64 * MB, 8 * GB),
    effective_cache_size: megabytes(1 / 2, 256 * MB, 256 * GB),
    maintenance_work_mem: megabytes(1 / 32, 64 * MB, 1 * GB),
    work_mem: megabytes(1 / 256, 4 * MB, 64 * MB),
    wal_compression: 'pglz',
    min_wal_size: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    checkpoint_completion_target: '0.9',
    random_page_cost: '1.1',
    jit: 'off',
    max_worker_processes: String(Math.max(8, machine.cores)),
    max_parallel_workers: String(machine.cores),
    max_parallel_workers_per_gather: String(Math.min(4, Math.floor(machine.cores / 2))),
    autovacuum_naptime: '15s',
    // Parallel queries exchange rows through shared memory and fail when a container's 64 MB of it are full.
    dynamic_shared_memory_type: machine.sharedMemoryBytes < 256 * MB ? 'mmap' : 'posix',
    // After a crash PostgreSQL flushes every file of the cluster, one by one by default: seconds on a busy disk, measured 3.5 s against 0.5.
    ...(machine.syncfs ? { recovery_init_sync_method: 'syncfs' } : {}),
  };
}
