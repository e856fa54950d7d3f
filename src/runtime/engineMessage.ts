/** "/onnxruntime_src/onnxruntime/core/…/reshape_helper.h:47", "tensorprotoutils.cc:461 Validate…", "C:\…\graph.cc(12)". */
const SOURCE_PLACE =
  /(?:[A-Za-z]:)?[\w/\\.+-]*\.(?:cc|cpp|h|hpp|cu|inc)(?::\d+|\(\d+\)):?\s*(?:[A-Z]\w*(?=\s+[A-Z]))?\s*/g;
/** "onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, bool)", with its return type. */
const SIGNATURE =
  /(?:(?:static|virtual|const|constexpr|inline)\s+)*(?:[\w<>]+(?:::[\w<>]+)*[&*]?\s+)?\bonnxruntime::[\w:<>~]*\((?:[^()]|\([^()]*\))*\)(?:\s*const)?(?:\s*\[with [^\]]*\])?:?\s*/g;

/**
 * What is left of an engine message when source paths, C++ signatures and stack addresses are taken out: one paragraph a
 * person can act on.
 */
export function trimEngineMessage(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error))
    .replace(/\s*Stacktrace:[\s\S]*$/, '')
    .replace(SOURCE_PLACE, '')
    .replace(SIGNATURE, '')
    .replace(/^Error:\s*/, '')
    .replace(/\s+/g, ' ')
    .trim();
  return text === '' ? 'no reason given' : text.endsWith('.') ? text : `${text}.`;
}
