import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CompletionRequest,
  createProtocolConnection,
  DefinitionRequest,
  DidChangeTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  HoverRequest,
  InitializedNotification,
  InitializeRequest,
  type ProtocolConnection,
  PublishDiagnosticsNotification,
  type PublishDiagnosticsParams,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node';
import { parse } from 'yaml';
import { serveEditor } from '../../services/commands/map/language-server.ts';
import { specSchema } from '../../services/mapping/editor/schema.ts';
import { specFiles } from '../../services/mapping/files.ts';
import { messageMap, NAME, SEX } from './specs.ts';

const MAP = messageMap('name: =PID-5\ngender: { from: =PID-8, map: sex }\nbirthDate: =PID-7');

let dir = '';
let client: ProtocolConnection;
let served: Promise<void>;
const waiting: ((params: PublishDiagnosticsParams) => void)[] = [];
const uri = (): string => pathToFileURL(join(dir, 'mappings/v2-to-fhir/messages/adt.yaml')).href;
const published = (): Promise<PublishDiagnosticsParams> => new Promise((resolve) => waiting.push(resolve));

async function change(text: string): Promise<PublishDiagnosticsParams> {
  const told = published();
  await client.sendNotification(DidChangeTextDocumentNotification.type, {
    textDocument: { uri: uri(), version: 2 },
    contentChanges: [{ text }],
  });
  return told;
}

/** The place behind the first `mark` in the text. */
function behind(text: string, mark: string) {
  const before = text.slice(0, text.indexOf(mark) + mark.length).split('\n');
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
}

const labelsAt = async (text: string, mark: string): Promise<readonly string[]> => {
  await change(text);
  const found = await client.sendRequest(CompletionRequest.type, { textDocument: { uri: uri() }, position: behind(text, mark) });
  return (Array.isArray(found) ? found : []).map((each) => each.label);
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'polyseme-lsp-'));
  for (const [path, text] of Object.entries({ 'messages/adt.yaml': MAP, 'tables/sex.yaml': SEX, 'types/xpn.yaml': NAME })) {
    const file = join(dir, 'mappings/v2-to-fhir', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const toServer = new PassThrough();
  const toClient = new PassThrough();
  served = serveEditor(toServer, toClient);
  client = createProtocolConnection(new StreamMessageReader(toClient), new StreamMessageWriter(toServer));
  client.onNotification(PublishDiagnosticsNotification.type, (params) => waiting.shift()?.(params));
  client.listen();
  const { capabilities } = await client.sendRequest(InitializeRequest.type, { processId: null, rootUri: null, capabilities: {} });
  expect(capabilities).toMatchObject({ hoverProvider: true, definitionProvider: true });
  await client.sendNotification(InitializedNotification.type, {});
  const told = published();
  await client.sendNotification(DidOpenTextDocumentNotification.type, {
    textDocument: { uri: uri(), languageId: 'yaml', version: 1, text: MAP },
  });
  expect((await told).diagnostics).toEqual([]);
});

afterAll(async () => {
  await client.sendRequest(ShutdownRequest.type);
  await client.sendNotification(ExitNotification.type);
  await served;
  client.dispose();
  rmSync(dir, { recursive: true, force: true });
});

describe('the language server', () => {
  it('tells the faults that check tells, where they stand', async () => {
    const { diagnostics } = await change(MAP.replace('birthDate: =PID-7', 'birthdate: =PID-7\n      language: =PDI-7'));
    expect(diagnostics.map((each) => [each.code, each.range.start.line])).toEqual([
      ['unknown-element', 12],
      ['unknown-segment', 13],
    ]);
    expect(diagnostics[0]?.message).toContain('"birthDate"');
    expect((await change(MAP)).diagnostics).toEqual([]);
    expect((await change('map: [')).diagnostics.map((each) => each.code)).toContain('yaml-syntax');
    expect((await change(MAP)).diagnostics).toEqual([]);
  });

  it('completes fields, functions, elements, codes, maps and keys', async () => {
    expect(await labelsAt(MAP.replace('=PID-7', '=PID-'), 'birthDate: =PID-')).toContain('PID-7');
    expect(await labelsAt(MAP.replace('=PID-7', '=PID-5.'), 'birthDate: =PID-5.')).toContain('2');
    expect(await labelsAt(MAP.replace('=PID-7', '=re'), 'birthDate: =re')).toContain('ref');
    expect(await labelsAt(MAP.replace('=PID-7', '=PID-8.u'), '=PID-8.u')).toContain('upper');
    expect(await labelsAt(`${MAP}`.replace('birthDate: =PID-7', 'birthDate: =PID-7\n      ma'), '\n      ma')).toContain('maritalStatus');
    expect(await labelsAt(MAP.replace('gender: { from: =PID-8, map: sex }', 'gender: '), 'gender: ')).toEqual(
      expect.arrayContaining(['male', 'unknown']),
    );
    expect(await labelsAt(MAP.replace('map: sex }', 'map: '), 'map: ').then((all) => all.length)).toBeGreaterThanOrEqual(0);
    expect(await labelsAt(`${MAP}\nig`, '\nig')).toContain('ignore');
  });

  it('says what stands under the cursor, and where a map is defined', async () => {
    await change(MAP);
    const hover = (mark: string) => client.sendRequest(HoverRequest.type, { textDocument: { uri: uri() }, position: behind(MAP, mark) });
    expect(JSON.stringify(await hover('name: =PID'))).toContain('PID-5 Patient Name: XPN');
    expect(JSON.stringify(await hover('first'))).toContain('the first value');
    expect(JSON.stringify(await hover('gend'))).toContain('Patient.gender: code');
    const defined = await client.sendRequest(DefinitionRequest.type, { textDocument: { uri: uri() }, position: behind(MAP, 'map: sex') });
    expect(JSON.stringify(defined)).toContain('tables/sex.yaml');
  });
});

describe('the JSON Schema', () => {
  const validate = new Ajv2020({ strict: false }).compile(specSchema());

  it('takes every map of the project', () => {
    for (const { file } of specFiles('mappings')) {
      const read: unknown = parse(readFileSync(file, 'utf8'), { uniqueKeys: false });
      expect({
        file,
        valid: validate(read),
        errors: validate.errors
          ?.filter((each) => !/anyOf/.test(each.keyword))
          .slice(0, 40)
          .map((each) => `${each.schemaPath} ${each.instancePath} ${JSON.stringify(each.params)}`),
      }).toMatchObject({ file, valid: true });
    }
  });

  it('refuses keys and words that mean nothing', () => {
    const read: unknown = parse(MAP);
    expect(validate(read)).toBe(true);
    expect(validate(parse(MAP.replace('use:', 'uses:')))).toBe(false);
    expect(validate(parse(MAP.replace('type: Patient', 'typ: Patient')))).toBe(false);
    expect(validate(parse(MAP.replace('key:', 'update: sometimes\n    key:')))).toBe(false);
  });

  it('is published as the model gives it', () => {
    expect(JSON.parse(readFileSync('mappings/spec.schema.json', 'utf8'))).toEqual(JSON.parse(JSON.stringify(specSchema())));
  });
});
