import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sample = fileURLToPath(new URL('../../samples/fmnist-resnet20', import.meta.url));

/** A copy of the bundled sample in a temporary folder, without anything an earlier run left. */
export class SampleWorkspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'lathe-test-'));
  readonly recipePath = join(this.folder, 'resnet20.lathe.json');

  /** @param change edits the recipe before it is written, to make jobs small */
  constructor(change: (recipe: Record<string, unknown>) => void = () => undefined) {
    for (const name of ['resnet20.onnx', 'calibration.npz', 'evaluation.npz']) {
      cpSync(join(sample, name), join(this.folder, name));
    }
    const recipe = JSON.parse(readFileSync(join(sample, 'resnet20.lathe.json'), 'utf8')) as Record<string, unknown>;
    change(recipe);
    writeFileSync(this.recipePath, JSON.stringify(recipe, null, 2));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Makes a recipe quick: two weight widths, one input width, few samples. */
export function smallJob(recipe: Record<string, unknown>): void {
  recipe.quantization = {
    weights: { bits: [3, 4], range: 'min-max' },
    activations: { bits: [8] },
    sensitivity: { samples: 32 },
    optimizer: { method: 'rtn' },
  };
  recipe.allocation = { minimize: 'loss', budget: { size: 0.12 }, neighbours: 0 };
  const data = recipe.data as { calibration: { samples: number }; evaluation: { samples?: number } };
  data.calibration.samples = 64;
  data.evaluation.samples = 200;
}
