/**
 * What is left of an engine message when source paths, C++ signatures and stack addresses are taken out: one paragraph a
 * person can act on.
 */
export function trimEngineMessage(error: unknown): string {
  let text = error instanceof Error ? error.message : String(error);
  // "/onnxruntime_src/onnxruntime/core/…/reshape_helper.h:47 onnxruntime::ReshapeHelper::ReshapeHelper(…) " and the Windows form.
  text = text.replace(
    /(?:[A-Za-z]:)?[^\s'"():]*onnxruntime[^\s'"():]*\.(?:cc|cpp|h|hpp|cu)(?::\d+|\(\d+\))?:?\s*/g,
    '',
  );
  text = text.replace(
    /(?:(?:static|virtual|const|constexpr)\s+)*[\w:<>*&, ]*onnxruntime::[\w:<>~*&, ]*\((?:[^()]|\([^()]*\))*\)(?:\s*const)?(?:\s*\[with [^\]]*\])?:?\s*/g,
    '',
  );
  text = text.replace(/\s*Stacktrace:[\s\S]*$/, '');
  text = text
    .replace(/^Error:\s*/, '')
    .replace(/\s+/g, ' ')
    .trim();
  return text === '' ? 'no reason given' : text.endsWith('.') ? text : `${text}.`;
}
