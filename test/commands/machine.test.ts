/** doctor, check and psql: what they say of a machine, of specs, and without a server. */
import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { freshDatabase } from '../fresh-database.ts';
import { folder, ran } from './command-line.ts';

const MAPPINGS = resolve(import.meta.dirname, '..', '..', 'mappings');
const FREE_PORTS = { POLYSEME_HTTP_PORT: '0', POLYSEME_MLLP_PORT: '0' };

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly cure?: string;
}

async function failing(environment: Readonly<Record<string, string>>): Promise<readonly Check[]> {
  const { code, out } = await ran(['doctor', '--json'], environment);
  const checks: readonly Check[] = JSON.parse(out);
  const failed = checks.filter((check) => !check.ok);
  expect(code).toBe(failed.length === 0 ? 0 : 1);
  expect(failed.every((check) => (check.cure ?? '') !== '')).toBe(true);
  return failed;
}

describe('doctor', () => {
  it('finds nothing wrong with a machine that is well, and makes nothing', async () => {
    using dir = folder();
    const { code, out } = await ran(['doctor'], { ...FREE_PORTS, POLYSEME_DATA_DIR: join(dir.path, 'data') });
    expect(out.split('\n').filter((line) => !line.startsWith('ok '))).toEqual([]);
    expect(code).toBe(0);
    // It runs no case, and says who does.
    expect(out).toContain('their cases are run by "npx polyseme check"');
    expect(() => readFileSync(join(dir.path, 'data'))).toThrow('ENOENT');
  });

  it('says what is wrong with a data folder, a port, maps and certificates, each with a cure', async () => {
    using dir = folder();
    const file = dir.write('a-file', '');
    const taken = createServer();
    const port = await new Promise<number>((done) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        done(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { AUTHORITY, SERVER_CERTIFICATE, SERVER_KEY } = await import('../mllp/certificates.ts');
    const names = async (environment: Readonly<Record<string, string>>) => (await failing(environment)).map((check) => check.name);
    const everything = {
      POLYSEME_DATA_DIR: join(file, 'below'),
      POLYSEME_HTTP_PORT: String(port),
      POLYSEME_MLLP_PORT: String(port),
      POLYSEME_MAPPINGS_DIR: join(dir.path, 'not-there'),
      POLYSEME_TLS_CERT: file,
      POLYSEME_TLS_KEY: file,
    };
    expect(await names(everything)).toEqual(expect.arrayContaining(['TLS', 'mappings', 'data folder', 'HTTP port', 'MLLP port']));
    const open = { ...FREE_PORTS, POLYSEME_DATA_DIR: dir.path, POLYSEME_HTTP_HOST: '0.0.0.0' };
    expect(await names(open)).toEqual(['addresses']);
    const tls = {
      POLYSEME_TLS_CERT: dir.write('cert.pem', SERVER_CERTIFICATE),
      POLYSEME_TLS_KEY: dir.write('key.pem', SERVER_KEY),
      POLYSEME_TLS_CLIENT_CA: dir.write('ca.pem', AUTHORITY),
    };
    expect(await names({ ...open, ...tls })).toEqual([]);
    taken.close();
  });

  it('names a setting that is wrong, and a database that does not answer', async () => {
    const wrong = await failing({ POLYSEME_CDM_TIMEZONE: 'Mars/Olympus', POLYSEME_PROT: '1' });
    expect(wrong.map((check) => check.detail).join()).toMatch(/POLYSEME_PROT.*POLYSEME_CDM_TIMEZONE/);
    const away = await failing({ ...FREE_PORTS, POLYSEME_DATABASE_URL: 'postgres://nobody:hidden@127.0.0.1:1/nothing' });
    expect(away.map((check) => check.name)).toEqual(['database']);
    expect(JSON.stringify(away)).not.toContain('hidden');
  });

  it('is content with a PostgreSQL of the user', async () => {
    const fresh = await freshDatabase();
    expect(await failing({ ...FREE_PORTS, POLYSEME_DATABASE_URL: fresh.url })).toEqual([]);
    await fresh.drop();
  });
});

describe('check', () => {
  it('passes the specs that come with Polyseme, with their cases', async () => {
    const { code, out } = await ran(['check', '--json']);
    const report = JSON.parse(out);
    expect([code, report.ok, report.cases.failed]).toEqual([0, true, 0]);
    expect(report.cases.passed).toBeGreaterThan(20);
  });

  it('names file, line and column of what is wrong, in one spec as in all', async () => {
    using dir = folder();
    cpSync(MAPPINGS, join(dir.path, 'mappings'), { recursive: true });
    const spec = join(dir.path, 'mappings', 'fhir-to-omop', 'patient.yaml');
    writeFileSync(spec, `${readFileSync(spec, 'utf8').trimEnd()}\nnonsense: true\n`);
    for (const path of [spec, join(dir.path, 'mappings')]) {
      const { code, out } = await ran(['check', path]);
      expect([code, out]).toEqual([1, expect.stringMatching(/patient\.yaml:\d+:\d+ error/)]);
    }
    const missing = await ran(['check', join(dir.path, 'not-there')]);
    expect(missing.code).toBe(1);
  });
});

describe('psql', () => {
  it('says how to start a server when none runs', async () => {
    using dir = folder();
    const { code, said } = await ran(['psql', '-c', 'select 1'], { POLYSEME_DATA_DIR: dir.path });
    expect([code, said]).toEqual([1, expect.stringContaining('npx polyseme serve')]);
  });
});

describe('a fault that nothing caught', () => {
  it('ends the process and is named by its kind and place, never by its text', async () => {
    using dir = folder();
    const terminal = resolve(import.meta.dirname, '..', '..', 'services', 'commands', 'terminal.ts');
    const script = dir.write(
      'fault.mjs',
      `import { endOnFault, processTerminal } from ${JSON.stringify(terminal)};
       endOnFault(processTerminal);
       setTimeout(() => Promise.reject(new RangeError('of Zwirbelmann\\nat home')), 1);
       setTimeout(() => {}, 60_000);`,
    );
    const child = spawn(process.execPath, [script]);
    const ended = new Promise<number | null>((done) => child.once('close', done));
    const said = await text(child.stderr);
    expect([await ended, said]).toEqual([1, expect.stringMatching(/RangeError.*fault\.mjs/)]);
    expect(said).not.toMatch(/Zwirbelmann|at home/);
  });
});
