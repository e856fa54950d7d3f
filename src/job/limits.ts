/** Accuracy figures of a compressed network beside those of the float one. */
export interface AccuracyFigures {
  readonly metric: string;
  readonly float: number;
  readonly simulated: number;
  readonly deployed?: number | undefined;
}

/**
 * Sentences for each way in which a network leaves its limit: the metric may fall by `accuracyDrop` (a fraction, 0.01 = one
 * point); for `mse` the error itself is held to it.
 */
export function brokenLimits(accuracyDrop: number, accuracy: AccuracyFigures): string[] {
  const figures = [
    { how: 'simulated', value: accuracy.simulated },
    { how: 'as ONNX Runtime runs it', value: accuracy.deployed },
  ];
  return figures.flatMap(({ how, value }) => {
    if (value === undefined) {
      return [];
    }
    if (accuracy.metric === 'mse') {
      return value > accuracyDrop
        ? [`The mean squared error ${how} is ${value.toPrecision(3)}; the recipe allows ${accuracyDrop}.`]
        : [];
    }
    const drop = accuracy.float - value;
    // Shares of whole samples: a drop of exactly the limit keeps it, whatever the last bit of the division says.
    return drop > accuracyDrop + 1e-9
      ? [
          `The accuracy ${how} is ${percent(value)} %, ${percent(drop)} points below float; the recipe allows ${percent(accuracyDrop)}.`,
        ]
      : [];
  });
}

function percent(share: number): string {
  return (share * 100).toFixed(2);
}
