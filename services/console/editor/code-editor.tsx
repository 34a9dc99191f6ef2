import { useEffect, useRef } from 'preact/hooks';
import { Code, type CodeSettings } from './code.ts';

interface CodeEditorProps extends CodeSettings {
  /** Where the editor is put once it is there, for whoever lights lines. */
  readonly at?: { current: Code | null };
}

/** An editor of one text; another `key` for another text. */
export function CodeEditor({ at, ...settings }: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const code = useRef<Code | null>(null);
  useEffect(() => {
    if (host.current === null) return;
    const made = new Code(host.current, settings);
    code.current = made;
    if (at !== undefined) at.current = made;
    return () => {
      made.destroy();
      if (at !== undefined) at.current = null;
    };
  }, []);
  if (code.current !== null) code.current.settings = settings;
  return <div class="code" ref={host} />;
}
