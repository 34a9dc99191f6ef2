import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type CompletionItem,
  CompletionItemKind,
  type Definition,
  DiagnosticSeverity,
  type Diagnostic as EditorDiagnostic,
  type Hover,
  type InitializeResult,
  TextDocumentSyncKind,
} from 'vscode-languageserver-protocol';
import {
  CompletionRequest,
  createProtocolConnection,
  DefinitionRequest,
  DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  HoverRequest,
  InitializeRequest,
  type ProtocolConnection,
  PublishDiagnosticsNotification,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node';
import { rootOf } from '../../mapping/check.ts';
import type { Diagnostic } from '../../mapping/diagnostics.ts';
import { type Completion, completionsAt, definitionAt, hoverAt } from '../../mapping/editor/language.ts';
import { WorkspaceFiles } from '../../mapping/editor/workspace.ts';

const KINDS: Readonly<Record<Completion['kind'], CompletionItemKind>> = {
  function: CompletionItemKind.Function,
  field: CompletionItemKind.Field,
  element: CompletionItemKind.Property,
  key: CompletionItemKind.Keyword,
  code: CompletionItemKind.EnumMember,
  map: CompletionItemKind.Module,
};

/**
 * Serves the language of maps to an editor (Language Server Protocol 3.17, https://microsoft.github.io/language-server-protocol/):
 * completion, hover, definition, and the checker's diagnostics as one writes. Resolves when the editor says exit or goes away.
 */
export async function serveEditor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<void> {
  const connection = createProtocolConnection(new StreamMessageReader(input), new StreamMessageWriter(output));
  const { promise, resolve } = Promise.withResolvers<void>();
  connection.onClose(resolve);
  connection.onNotification(ExitNotification.type, () => resolve());
  connection.onRequest(ShutdownRequest.type, () => {});
  connection.onRequest(
    InitializeRequest.type,
    (): InitializeResult => ({
      serverInfo: { name: 'polyseme' },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Full,
        completionProvider: { triggerCharacters: ['=', '-', '.', ':', ' '] },
        hoverProvider: true,
        definitionProvider: true,
      },
    }),
  );
  answers(connection);
  connection.listen();
  await promise;
  connection.dispose();
}

function answers(connection: ProtocolConnection): void {
  const folders = new Map<string, WorkspaceFiles>();
  const folderOf = (uri: string): { readonly file: string; readonly folder: WorkspaceFiles } => {
    const file = fileURLToPath(uri);
    const root = rootOf(file);
    const folder = folders.get(root) ?? new WorkspaceFiles(root);
    folders.set(root, folder);
    return { file, folder };
  };
  const changed = (uri: string, text: string | undefined): void => {
    const { file, folder } = folderOf(uri);
    folder.set(file, text);
    const diagnostics = text === undefined ? [] : folder.check(file).diagnostics.map(editorDiagnostic);
    void connection.sendNotification(PublishDiagnosticsNotification.type, { uri, diagnostics });
  };
  connection.onNotification(DidOpenTextDocumentNotification.type, ({ textDocument }) => changed(textDocument.uri, textDocument.text));
  connection.onNotification(DidChangeTextDocumentNotification.type, ({ textDocument, contentChanges }) => {
    const last = contentChanges.at(-1);
    if (last !== undefined) changed(textDocument.uri, last.text);
  });
  connection.onNotification(DidCloseTextDocumentNotification.type, ({ textDocument }) => changed(textDocument.uri, undefined));
  connection.onRequest(CompletionRequest.type, ({ textDocument, position }): CompletionItem[] => {
    const { file, folder } = folderOf(textDocument.uri);
    const found = completionsAt(folder.textOf(file), position, file, folder.mapsFor(file));
    return found.map(({ label, detail, kind }) => ({ label, detail, kind: KINDS[kind] }));
  });
  connection.onRequest(HoverRequest.type, ({ textDocument, position }): Hover | null => {
    const { file, folder } = folderOf(textDocument.uri);
    const value = hoverAt(folder.textOf(file), position, file, folder.mapsFor(file));
    return value === undefined ? null : { contents: { kind: 'plaintext', value } };
  });
  connection.onRequest(DefinitionRequest.type, ({ textDocument, position }): Definition | null => {
    const { file, folder } = folderOf(textDocument.uri);
    const at = definitionAt(folder.textOf(file), position, file, folder.mapsFor(file));
    if (at === undefined) return null;
    const start = { line: at.line - 1, character: at.column - 1 };
    return { uri: pathToFileURL(at.file).href, range: { start, end: start } };
  });
}

/** Editors count from 0; the checker knows where a fault begins, an editor wants an end: the end of the line's word is near enough. */
function editorDiagnostic({ line, column, text, cure, code, severity }: Diagnostic): EditorDiagnostic {
  const start = { line: line - 1, character: column - 1 };
  return {
    range: { start, end: { line: start.line, character: start.character + 1 } },
    message: `${text} ${cure}`,
    code,
    source: 'polyseme',
    severity: severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
  };
}
