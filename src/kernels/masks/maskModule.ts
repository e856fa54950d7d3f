import { decodeBase64 } from './decodeBase64';
import { masksWasm } from './masksWasm.generated';

/** Exports of assembly/index.ts. Addresses are byte offsets in `memory`. */
export interface MaskExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Address of so many free bytes, or 0 when memory cannot grow. The next call gives the same place. */
  reserve(bytes: number): number;
  rowWise: TileExport;
  exactly: TileExport;
  atMost: TileExport;
  greedy: TileExport;
  intersection: TileExport;
  patterns: TileExport;
  forwardViolations(cells: number, size: number, rows: number, columns: number, keep: number, group: number): number;
  backwardViolations(
    cells: number,
    size: number,
    rows: number,
    columns: number,
    keep: number,
    group: number,
    counts: number,
  ): number;
}

type TileExport = (
  scores: number,
  wide: 0 | 1,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: number,
) => void;

/** The kernels that write masks, by the names of their exports. */
export type MaskMethod = 'rowWise' | 'atMost' | 'exactly' | 'greedy' | 'intersection' | 'patterns';

/** The part of the WebAssembly interface in use: a global of Node and of browsers that the language's library lacks. */
interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: MaskExports };
}

let compiled: object | null | undefined;
let instance: MaskExports | undefined;

/** The compiled module, which can be sent to threads; null where WebAssembly or its vectors are missing. */
export function maskModule(): object | null {
  if (compiled === undefined) {
    try {
      const wasm = webAssembly();
      compiled = wasm === undefined ? null : new wasm.Module(decodeBase64(masksWasm));
    } catch {
      // No vector instructions: the TypeScript kernels do the same.
      compiled = null;
    }
  }
  return compiled;
}

/** The instance of this thread, or undefined where it does not load. */
export function maskExports(): MaskExports | undefined {
  const module = maskModule();
  const wasm = webAssembly();
  if (instance === undefined && module !== null && wasm !== undefined) {
    instance = new wasm.Instance(module).exports;
  }
  return instance;
}

function webAssembly(): WebAssemblyInterface | undefined {
  return (globalThis as unknown as { readonly WebAssembly?: WebAssemblyInterface }).WebAssembly;
}
