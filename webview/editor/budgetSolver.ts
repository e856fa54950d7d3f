import { RemoteError, type Channel } from '../../src/protocol/channel';
import type { AllocationView, WireError } from '../../src/protocol/job';
import type { Budget, EditorHostSide, EditorViewSide, Pin } from '../../src/protocol/webviewProtocol';

export type SolveOutcome =
  | {
      readonly kind: 'solved';
      readonly budget: Budget;
      readonly allocation: AllocationView;
      /** The exact programme is still being solved. */
      readonly refining: boolean;
    }
  | { readonly kind: 'failed'; readonly budget: Budget; readonly error: WireError };

/** Rest of the slider after which the integer programme is solved. */
const EXACT_AFTER_MS = 150;

/**
 * Follows the slider. At most one hull request a frame and one under way: what the slider passes over in the meantime
 * is skipped, the last position always gets its answer. When it rests, the exact answer is asked for.
 */
export class BudgetSolver {
  private wanted: { readonly budget: Budget; readonly pins: readonly Pin[] } | undefined;
  private frame = 0;
  private hullRunning = false;
  private exactTimer = 0;
  private exactRequest: AbortController | undefined;
  /** Raised by every move; answers of earlier moves are dropped. */
  private generation = 0;

  constructor(
    private readonly channel: Channel<EditorViewSide, EditorHostSide>,
    private readonly onOutcome: (outcome: SolveOutcome) => void,
  ) {}

  solve(budget: Budget, pins: readonly Pin[]): void {
    this.generation += 1;
    this.wanted = { budget, pins };
    this.exactRequest?.abort();
    window.clearTimeout(this.exactTimer);
    this.exactTimer = window.setTimeout(() => void this.solveExactly(budget, pins), EXACT_AFTER_MS);
    this.schedule();
  }

  stop(): void {
    this.generation += 1;
    this.wanted = undefined;
    this.exactRequest?.abort();
    window.clearTimeout(this.exactTimer);
  }

  private schedule(): void {
    if (this.frame === 0 && !this.hullRunning && this.wanted !== undefined) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        void this.solveHull();
      });
    }
  }

  private async solveHull(): Promise<void> {
    const wanted = this.takeWanted();
    if (wanted === undefined) {
      return;
    }
    this.hullRunning = true;
    const life = this.generation;
    try {
      const allocation = await this.channel.request('allocation/solve', { ...wanted, precision: 'hull' });
      // An answer the slider has left behind still shows movement, unless the exact one is already there or all was reset.
      if (life === this.generation || this.hasMoved()) {
        this.onOutcome({ kind: 'solved', budget: wanted.budget, allocation, refining: true });
      }
    } catch (error) {
      if (life === this.generation) {
        this.report(wanted.budget, error);
      }
    } finally {
      this.hullRunning = false;
      this.schedule();
    }
  }

  private takeWanted(): { readonly budget: Budget; readonly pins: readonly Pin[] } | undefined {
    const { wanted } = this;
    this.wanted = undefined;
    return wanted;
  }

  private hasMoved(): boolean {
    return this.wanted !== undefined;
  }

  private async solveExactly(budget: Budget, pins: readonly Pin[]): Promise<void> {
    const request = new AbortController();
    this.exactRequest = request;
    const life = this.generation;
    try {
      const allocation = await this.channel.request(
        'allocation/solve',
        { budget, pins, precision: 'exact' },
        request.signal,
      );
      if (life === this.generation) {
        // The hull's answer would be a step back.
        this.generation += 1;
        this.onOutcome({ kind: 'solved', budget, allocation, refining: false });
      }
    } catch (error) {
      if (life === this.generation) {
        this.report(budget, error);
      }
    }
  }

  private report(budget: Budget, error: unknown): void {
    if (!RemoteError.is(error, 'cancelled')) {
      const failure: WireError =
        error instanceof RemoteError
          ? { code: error.code, message: error.message, details: error.details }
          : { code: 'internal', message: String(error) };
      this.onOutcome({ kind: 'failed', budget, error: failure });
    }
  }
}
