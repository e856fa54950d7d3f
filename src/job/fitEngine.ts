import type { RunnerFactory } from '../analysis';
import { RuntimeProducts } from './runtimeProducts';
import { ThreadTeam } from './threadTeam';

/** What fits of layers are made with beside this thread: products of matrices, and threads for the rows of large layers. */
export class FitEngine {
  private constructor(
    readonly products: RuntimeProducts,
    readonly team: ThreadTeam,
  ) {}

  /** @param memoryLimit bytes that the matrices of all threads together may take */
  static async open(factory: RunnerFactory, memoryLimit: number, signal: AbortSignal | undefined): Promise<FitEngine> {
    return new FitEngine(await RuntimeProducts.open(factory), new ThreadTeam({ memoryLimit, signal }));
  }

  async close(): Promise<void> {
    await this.team.close();
    await this.products.close();
  }
}
